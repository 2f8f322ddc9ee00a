"""Reads the distilled facts of R4 4.0.1. What they hold and where they come from: `distil.py`.

The whole file is read once, on first use: about 10 ms.
"""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import zstandard

FILE = Path(__file__).with_name("r4.json.zst")


@cache
def facts() -> dict[str, Any]:
    """The distilled facts as `distil.distil` made them."""
    loaded: dict[str, Any] = orjson.loads(
        zstandard.ZstdDecompressor().decompress(FILE.read_bytes())
    )
    return loaded
