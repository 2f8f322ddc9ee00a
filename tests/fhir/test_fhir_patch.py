"""JSON Patch and FHIRPath Patch by their official cases. https://hl7.org/fhir/R4/fhirpatch.html"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hie.errors import Problem
from hie.fhir.patch import FHIRPATH_PATCH, patched
from hie.fhir.patch.json_patch import apply_json_patch
from hie.fhir.xml import to_json
from hie.kit import exact

DATA = Path(__file__).parents[3] / "shared" / "data" / "tests"


def _json_cases() -> list[Any]:
    files = (
        "json-patch/spec_tests.json",
        "json-patch/tests.json",
        "fhir-r4-cases/patch/json-patch-tests.json",
    )
    return [
        pytest.param(case, id=f"{Path(name).stem}-{number}")
        for name in files
        if (DATA / name).exists()
        for number, case in enumerate(json.loads((DATA / name).read_text()))
        if "patch" in case and not case.get("disabled")
    ]


def _fhirpath_cases() -> list[Any]:
    path = DATA / "fhir-r4-cases/patch/fhir-patch-tests.xml"
    if not path.exists():
        return []
    cases = re.findall(r'<case name="([^"]*)".*?>(.*?)</case>', path.read_text(), re.DOTALL)
    return [pytest.param(text, id=f"{number}-{name}") for number, (name, text) in enumerate(cases)]


@pytest.mark.parametrize("case", _json_cases())
def test_json_patch(case: dict[str, Any]) -> None:
    document = exact.loads(json.dumps(case["doc"]).encode())
    patch = json.dumps(case["patch"]).encode()
    if "error" in case:
        with pytest.raises(Problem) as refused:
            apply_json_patch(document, patch)
        assert refused.value.status in (400, 422)
    else:
        result = apply_json_patch(document, patch)
        assert json.loads(exact.dumps(result)) == case.get("expected", case["doc"])


def _resource(case: str, part: str) -> bytes:
    return to_json(case.partition(f"<{part}>")[2].partition(f"</{part}>")[0].strip().encode())


@pytest.mark.parametrize("case", _fhirpath_cases())
def test_fhirpath_patch(case: str) -> None:
    body = _resource(case, "input")
    patch = _resource(case, "diff")
    if "<error " in case:
        with pytest.raises(Problem) as refused:
            patched(body, patch, FHIRPATH_PATCH)
        assert refused.value.status == 422
    else:
        result = patched(body, patch, FHIRPATH_PATCH)
        # Inside a text, XML may write a quotation mark as an entity or as itself.
        expected = _resource(case, "output").replace(b"&quot;", b'\\"')
        assert json.loads(result) == json.loads(expected)


def test_every_official_case_is_run(shared_data: Path) -> None:
    assert (len(_fhirpath_cases()), len(_json_cases())) == (33, 124)
