"""The official FHIRPath cases of R4, all of them. https://github.com/FHIR/fhir-test-cases

Cases that fail are listed below with the reason. One of them that passes fails the test, and so does
any other that does not.
"""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fhirpathpy.engine.nodes import FP_DateTime, FP_Time

from hie.fhir.fhirpath import PathError, evaluate
from hie.fhir.xml import to_json

DATA = Path(__file__).parents[3] / "shared" / "data" / "tests" / "fhir-r4-cases"
NUMBER_OF_CASES = 935

KNOWN: dict[str, tuple[str, ...]] = {
    "names and types are not checked before evaluation: what does not exist is empty": (
        "testBasics.testSimpleFail",
        "testBasics.testSimpleWithWrongContext",
        "testObservations.testPolymorphismB",
        "testObservations.testPolymorphismAsB",
        "testDollar.testDollarOrderNotAllowed",
        "testPrecedence.testPrecedence3",
        "polymorphics.testPolymorphicsB",
        "testInheritance.testFHIRPathAsFunction23",
        "testInheritance.testFHIRPathAsFunction24",
    ),
    "a date literal is held as a dateTime, and T after it is lost": (
        "testLiterals.testLiteralDateYear",
        "testLiterals.testLiteralDateMonth",
        "testLiterals.testLiteralDateDay",
        "testLiterals.testLiteralDateTimeYear",
        "testLiterals.testLiteralDateTimeMonth",
        "testLiterals.testLiteralDateTimeDay",
    ),
    "lowBoundary and highBoundary of an element give texts of which the library makes no dates": (
        "period.testPeriodInvariantNew",
    ),
    "a decimal literal that is whole becomes an integer": (
        "testTypes.testDecimalLiteralIsDecimal",
        "testTypes.testDecimalLiteralToString",
        "testToString.testToString4",
    ),
    "quantities: no product, quotient, sign, conversion or dimension": (
        "testQuantity.testQuantity9",
        "testQuantity.testQuantity10",
        "testQuantity.testQuantity11",
        "testMinus.testMinus5",
        "testAbs.testAbs3",
        "Comparable.Comparable1",
        "Comparable.Comparable2",
        "Comparable.Comparable3",
    ),
    "a minus sign stands for descending order only before numbers": (
        "testSort.testSort8",
        "testSort.testSort10",
    ),
    "the arguments of subsetOf, | and 'and' are evaluated or typed otherwise": (
        "testSubSetOf.testSubSetOf3",
        "testPrecedence.testPrecedence4",
        "from-Zulip.from-zulip-1",
    ),
    "code is taken for a string, because FHIR derives it from that": (
        "testInheritance.testFHIRPathAsFunction11",
        "testInheritance.testFHIRPathAsFunction16",
    ),
    "a primitive with nothing but extensions is an item of its own beside its neighbours": (
        "miscEngineTests.testPrimitiveExtensions",
    ),
    "the case rounds towards zero, or takes an hour for an hour and no minutes; the text does not": (
        "LowBoundary.LowBoundaryDecimal15",
        "HighBoundary.HighBoundaryDecimal15",
        "HighBoundary.HighBoundaryDecimal16",
        "HighBoundary.HighBoundaryDateTimeMillisecond1",
        "HighBoundary.HighBoundaryDateTimeMillisecond3",
    ),
}
"""Why cases fail, with their names. None of these features is needed to find the place of a patch."""
REASONS = {name: reason for reason, names in KNOWN.items() for name in names}


@cache
def cases() -> list[tuple[str, ElementTree.Element]]:
    """All cases with a name of their own: some names occur in several groups, or twice in one."""
    path = DATA / "fhirpath" / "tests-fhir-r4.xml"
    if not path.exists():
        return []
    found: dict[str, ElementTree.Element] = {}
    for group in ElementTree.parse(path).getroot().iter("group"):
        for test in group.iter("test"):
            name = f"{group.get('name')}.{test.get('name')}"
            found[name if name not in found else f"{name}.again"] = test
    return list(found.items())


@cache
def resource(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    raw = (DATA / name).read_bytes()
    parsed: dict[str, Any] = json.loads(
        to_json(raw) if name.endswith(".xml") else raw, parse_float=Decimal
    )
    return parsed


def same(value: Any, kind: str | None, expected: str) -> bool:
    """Whether a value is the expected one by FHIRPath's own equality."""
    if isinstance(value, bool):
        return str(value).lower() == expected
    if isinstance(value, FP_DateTime | FP_Time):
        plain = expected.lstrip("@").removeprefix("T")
        return value.asStr == plain or value.equals(type(value)(plain)) is True
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)) == Decimal(expected)
    if kind in ("date", "dateTime", "time"):
        plain = expected.lstrip("@")
        if str(value) == plain:
            return True
        moments = [FP_DateTime(text) for text in (str(value), plain)]
        return all(moments) and moments[0].equals(moments[1]) is True  # the same, in another zone
    return str(value) == expected


def passes(test: ElementTree.Element) -> bool:
    expression = test.find("expression")
    assert expression is not None
    outputs = [(each.get("type"), each.text or "") for each in test.findall("output")]
    try:
        found = evaluate(resource(test.get("inputfile")), expression.text or "")
    except PathError:
        return expression.get("invalid") is not None
    if expression.get("invalid") is not None:
        return False
    if test.get("predicate") == "true":
        found = [bool(found)]
    return len(found) == len(outputs) and all(
        same(value, kind, text) for value, (kind, text) in zip(found, outputs, strict=True)
    )


@pytest.mark.parametrize(
    "test",
    [
        pytest.param(
            test,
            id=name,
            marks=[pytest.mark.xfail(strict=True, reason=REASONS[name])] if name in REASONS else [],
        )
        for name, test in cases()
    ],
)
def test_official_case(test: ElementTree.Element) -> None:
    assert passes(test)


def test_counts(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for name, _ in cases()]
    assert len(names) == NUMBER_OF_CASES
    assert set(REASONS) <= set(names)
    with capsys.disabled():
        print(f"\nFHIRPath: {len(names) - len(REASONS)} of {len(names)} official cases pass")
        for reason, known in KNOWN.items():
            print(f"  {len(known):3} fail: {reason}")
