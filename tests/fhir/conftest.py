"""The official examples, parsed once."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest


@pytest.fixture(scope="session")
def examples(shared_data: Path) -> list[dict[str, Any]]:
    """The 726 example instances of the R4 specification."""
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz") as lines:
        return [orjson.loads(line) for line in lines]
