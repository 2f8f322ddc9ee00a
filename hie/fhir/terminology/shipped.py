"""The code systems and value sets of R4 itself, which every installation has.

https://hl7.org/fhir/R4/terminologies.html — distilled from the official package by `distil.py`.
"""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import zstandard

from hie.fhir.terminology.code_system import CodeSystem
from hie.fhir.terminology.value_set import ValueSet, read_part

FILE = Path(__file__).with_name("terminology.json.zst")


@cache
def _facts() -> dict[str, Any]:
    """Read once, when a search first needs it: about 5 ms."""
    facts: dict[str, Any] = orjson.loads(zstandard.ZstdDecompressor().decompress(FILE.read_bytes()))
    return facts


@cache
def shipped_code_system(url: str) -> CodeSystem | None:
    """The code system of R4 with this address."""
    known = _facts()["codeSystems"].get(url)
    if known is None:
        return None
    return CodeSystem(url, {code: tuple(above) for code, above in known.items()})


@cache
def shipped_value_set(url: str) -> ValueSet | None:
    """The value set of R4 with this address."""
    known = _facts()["valueSets"].get(url)
    if known is None:
        return None
    return ValueSet(
        url,
        tuple(map(read_part, known.get("include", ()))),
        tuple(map(read_part, known.get("exclude", ()))),
    )
