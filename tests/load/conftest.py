"""A data directory of its own for each crash test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hie.kit import postgres


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory of the test's own: the product's settings, fsync on."""
    home = Path(tempfile.mkdtemp(prefix="hie-own-"))
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield home / "data"
    postgres.stop(home / "data")
    shutil.rmtree(home)
