"""The limits that `docs/rest.md` names are those in force."""

from pathlib import Path

from hie.fhir.fhirpath import DEEPEST, LONGEST
from hie.fhir.patch import fhirpath_patch, json_patch
from hie.records.conditional import MOST_DELETED
from hie.records.labels import MOST as MOST_LABELLED
from hie.records.lastn import MOST as MOST_OBSERVATIONS
from hie.rest.body import LARGEST_BUNDLE, LARGEST_RESOURCE
from hie.rest.bundle_entry import MOST_ENTRIES
from hie.rest.compression import SMALLEST
from hie.rest.history import LARGEST_COUNT
from hie.rest.operations.parameters import LARGEST_PARAMETERS
from hie.rest.operations.validate import MOST_RULES
from hie.rest.patch import LARGEST_PATCH
from hie.rest.provenance import LARGEST as LARGEST_PROVENANCE
from hie.rest.search import LARGEST_FORM

DOCUMENT = Path(__file__).parents[2] / "docs" / "rest.md"
MIB = 1024 * 1024


def row(named: str) -> str:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    [found] = [line for line in lines if line.startswith(f"| {named}")]
    return found.split("|")[2].strip()


def test_limits() -> None:
    assert row("one resource") == (
        f"{LARGEST_RESOURCE // MIB} MiB; {LARGEST_BUNDLE // MIB} MiB and {MOST_ENTRIES:,} entries; "
        f"{LARGEST_PATCH // MIB} MiB and {json_patch.MOST_OPERATIONS:,} operations; "
        f"{LARGEST_FORM // MIB} MiB"
    )
    assert json_patch.MOST_OPERATIONS == fhirpath_patch.MOST_OPERATIONS
    assert row("`X-Provenance`") == f"{LARGEST_PROVENANCE // 1024} KiB"
    assert row("a page") == f"{LARGEST_COUNT:,}"
    assert row("a conditional delete") == f"{MOST_DELETED} resources"
    assert row("`$lastn`") == f"{MOST_OBSERVATIONS:,} resources looked at"
    assert MOST_LABELLED == MOST_OBSERVATIONS
    assert row("`$validate`") == f"{LARGEST_PARAMETERS // 1024} KiB, {MOST_RULES:,} rules"
    assert DEEPEST == 10
    assert (
        row("a path")
        == f"{LONGEST} characters, ten calls; {fhirpath_patch.LONGEST_PATHS:,} characters"
    )
    assert f"above {SMALLEST // 1024} kB" in DOCUMENT.read_text(encoding="utf-8")
