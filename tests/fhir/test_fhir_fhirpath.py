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

from hie.fhir.fhirpath import PathError, elements, evaluate
from hie.fhir.xml import to_json

DATA = Path(__file__).parents[3] / "shared" / "data" / "tests" / "fhir-r4-cases"
NUMBER_OF_CASES = 935

KNOWN: dict[str, tuple[str, ...]] = {
    "the case's boundary is on the wrong side: 0.0 is not above 0.0034, though 1.59 is above 1.587": (
        "LowBoundary.LowBoundaryDecimal15",
        "HighBoundary.HighBoundaryDecimal15",
        "HighBoundary.HighBoundaryDecimal16",
    ),
    "the case takes 08 for 08:00, whose minute ends at 08:00:59.999; the hour ends at 08:59:59.999": (
        "HighBoundary.HighBoundaryDateTimeMillisecond1",
        "HighBoundary.HighBoundaryDateTimeMillisecond3",
    ),
}
"""Why cases fail, with their names: each contradicts the text or another case."""
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
        given = resource(test.get("inputfile"))
        found = evaluate(given, expression.text or "", checked=bool(given))
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


PATIENT = {
    "resourceType": "Patient",
    "name": [
        {"family": "Li", "given": ["Na", None], "_given": [None, {"id": "x"}]},
        {"extension": [{"url": "http://example.org/absent", "valueCode": "unknown"}]},
    ],
    "multipleBirthInteger": 1,
    "birthDate": "2001-05-06",
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(1 'm' + 1 'cm') = 101 'cm'", [True]),
        ("(1 'm' - 1 's').exists()", [False]),
        ("(6 '{score}' * 2).value", [12]),
        ("(6 '{score}' / 2 '{score}') = 3 '1'", [True]),
        ("(6 '{score}' * 2 'm').exists()", [False]),
        ("-(5 'mg') < 1 'g'", [True]),
        ("1 'g' < 1 's'", []),
        ("1 year = 12 months", [True]),
        ("1 month = 1 'mo'", []),
        ("1 month ~ 1 'mo'", [True]),
        ("'2.5 kg'.toQuantity().exists()", [False]),
        ("(2.5 'kg').toQuantity('g') = 2500 'g'", [True]),
        ("(2.5 'kg').toQuantity('s').exists()", [False]),
        ("1 / 0", []),
        ("1 = true", [False]),
        ("Patient.multipleBirth = true", [False]),
        ("(@2001-05-06 + 1 day).is(Date)", [True]),
        ("Patient.birthDate + 1 day > @2001-05-06", [True]),
        ("Patient.birthDate.lowBoundary().precision()", [8]),
        ("@2015T.lowBoundary().precision()", [17]),
        ("'@2015T' & '1.0'", ["@2015T1.0"]),
        ("(1 | 2 | 3).where($this > 1).count() + $this.birthDate.count()", [3]),
        ("Patient.name.select($index + given.select($index).count())", [2, 1]),
        ("Patient.name[0].given.select(id)", ["x"]),
        ("(3 | 1 | 2).sort(-$this).first()", [3]),
        ("Patient.name.select((1 | 2).aggregate($total + $this, $index))", [3, 4]),
    ],
)
def test_what_the_official_cases_do_not_ask(expression: str, expected: list[Any]) -> None:
    assert evaluate(PATIENT, expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "Patient.name given",
            "Patient.name[0]]",
            "Patient.name.",
            "",
            "@2015-02-04Z",
            "1 'm' * 'a'",
        ),
        *("Patient.name.ofType(Name)", "Patient.birthDate is date1", "-'a'", "true < 2"),
    ],
)
def test_what_is_no_expression_or_has_no_meaning(expression: str) -> None:
    with pytest.raises(PathError):
        evaluate(PATIENT, expression)


@pytest.mark.parametrize(
    "path",
    [
        "Patient.where(name.family < 1)",
        "Patient.where(name[0].given[0] and true).where(name.family + 1 = 2)",
        "Patient.name.take(given[0])",
        "Patient.where(birthDate.startsWith(name))",
        "Patient.where(-name[0].family = 1)",
    ],
)
def test_a_refusal_quotes_nothing_of_the_resource(path: str) -> None:
    with pytest.raises(PathError) as refused:
        elements(PATIENT, path)
    assert not any(text in str(refused.value) for text in ("Li", "Na", "2001-05-06"))


def test_a_function_that_does_not_exist_is_named() -> None:
    with pytest.raises(PathError, match="there is no function nothing"):
        evaluate(PATIENT, "Patient.name.nothing(1).upper()")


@pytest.mark.parametrize("depth", range(60, 400, 7))
def test_a_deep_path_is_evaluated_or_refused(depth: int) -> None:
    try:
        elements(PATIENT, f"Patient.where({'-' * depth}1 = 1)")
    except PathError as error:
        refused = str(error)
    else:
        refused = "nothing"
    assert refused in ("nothing", "nested too deeply")


def test_a_path_is_read_to_its_end() -> None:
    with pytest.raises(PathError, match="column 17"):
        elements(PATIENT, "Patient.name[0] garbage")


def test_an_element_with_nothing_but_extensions_has_a_place() -> None:
    assert [node.place for node in elements(PATIENT, "Patient.name")] == [
        "Patient.name[0]",
        "Patient.name[1]",
    ]


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("Patient.nmae", "Patient has no element nmae"),
        ("Patient.contact.name.where(uze='old')", "HumanName has no element uze"),
        ("Patient.name.where(use='old').exists(given.first().text='x')", "string has no"),
        ("Patient.multipleBirth.value", "boolean or integer has no element value"),
        ("Encounter.status", "starts at Encounter"),
        (
            "(Patient.name | Patient.telecom).suffx",
            "ContactPoint or HumanName has no element suffx",
        ),
        ("Patient.extension.value.foo", "and others has no element foo"),
        ("Patient.name.first().iif(use='old', family, gven)", "HumanName has no element gven"),
        ("Patient.children()[0]", "no order"),
        ("Patient.multipleBirthInteger", "Patient has no element multipleBirthInteger"),
    ],
)
def test_names_that_no_type_has(expression: str, named: str) -> None:
    with pytest.raises(PathError, match=named):
        evaluate(PATIENT, expression, checked=True)
    evaluate(PATIENT, expression)  # finds nothing, or what stands there


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.contained.anything.whatever",
        "Patient.text.`div`",
        "Patient.extension.value.coding.code",
        "Patient.birthDate.extension.url",
        "Patient.repeat(contact).name",
        "Patient.name.trace('x', given).family",
        "Patient.name.select(given | family).first().extension",
        "Patient.children().name.first()",
        "Patient.name.subsetOf($this.name)",
        "`Patient`.`name`.`given`",
    ],
)
def test_names_that_a_type_has_or_may_have(expression: str) -> None:
    evaluate(PATIENT, expression, checked=True)


def test_a_misspelt_path_is_named() -> None:
    with pytest.raises(PathError, match="Patient has no element nmae"):
        elements(PATIENT, "Patient.nmae.given")
    assert elements(PATIENT, "Patient.multipleBirthInteger")[0].value == 1  # as in JSON
