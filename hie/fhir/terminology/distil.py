"""Distils the code systems and value sets of the official R4 package into what ships with the wheel.

    python -m hie.fhir.terminology.distil hl7.fhir.r4.core-4.0.1.tgz

Source: the npm package hl7.fhir.r4.core 4.0.1 of HL7, licence CC0
(https://hl7.org/fhir/R4/downloads.html). Kept are codes, which stands above which, and what value sets
are composed of; displays and definitions are left out. The same package gives the same bytes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import zstandard

from hie.fhir.definitions.distil import read_package
from hie.fhir.terminology.code_system import concepts

TARGET = Path(__file__).with_name("terminology.json.zst")


def distil(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """The facts of all complete code systems and of all value sets; `shipped.py` reads them."""
    systems = {
        each["url"]: {code: list(above) for code, above in concepts(each.get("concept", []))}
        for each in resources
        if each["resourceType"] == "CodeSystem" and each["content"] == "complete"
    }
    sets = {
        each["url"]: {
            side: list(map(_part, each["compose"][side]))
            for side in ("include", "exclude")
            if side in each["compose"]
        }
        for each in resources
        if each["resourceType"] == "ValueSet" and "compose" in each
    }
    return {
        "version": "4.0.1",
        "codeSystems": dict(sorted(systems.items())),
        "valueSets": dict(sorted(sets.items())),
    }


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: part[key] for key in ("system", "valueSet") if key in part}
    if "concept" in part:
        kept["concept"] = [{"code": each["code"]} for each in part["concept"]]
    if "filter" in part:
        kept["filter"] = [
            {key: each[key] for key in ("property", "op", "value")} for each in part["filter"]
        ]
    return kept


def main(package: Path, target: Path = TARGET) -> None:
    """Reads `package` and writes the facts to `target`."""
    text = json.dumps(distil(read_package(package)), ensure_ascii=False, separators=(",", ":"))
    target.write_bytes(zstandard.ZstdCompressor(level=19).compress(text.encode()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
