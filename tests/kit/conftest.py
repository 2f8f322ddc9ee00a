"""A data directory of the test's own, for tests that start and kill servers."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hie.kit import postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path that the server's own account can reach; a server in `place/data` is stopped."""
    directory = Path(tempfile.mkdtemp(prefix="hie-own-"))
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield directory
    postgres.stop(directory / "data")
    shutil.rmtree(directory)
