"""Numbers, quantities and composites. https://hl7.org/fhir/R4/search.html#quantity"""

from decimal import Decimal
from typing import Any

import pytest
from search_fixtures import Find, Load

from hie.fhir.ucum import factor_between

UCUM = "http://unitsofmeasure.org"


def observation(logical_id: str, value: dict[str, Any], code: str = "a") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "code": {"coding": [{"system": "urn:codes", "code": code}]},
        **value,
    }


def quantity(value: float, code: str, unit: str | None = None) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit or code, "system": UCUM, "code": code}}


def pressure(systolic: float, diastolic: float) -> dict[str, Any]:
    return {
        "component": [
            {"code": {"coding": [{"code": code}]}, **quantity(value, "mm[Hg]")}
            for code, value in (("sys", systolic), ("dia", diastolic))
        ]
    }


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(
        observation("mg", quantity(1, "mg")),
        observation("ug", quantity(1000, "ug")),
        observation("g", quantity(1, "g")),
        observation("text", {"valueQuantity": {"value": 1, "unit": "mg"}}),
        observation("below", {"valueQuantity": {"value": 5, "comparator": "<", "unit": "u"}}),
        # must not keep anybody from finding the others
        observation("digits", quantity(7, "1" * 5000)),
        observation("score", quantity(1, "{score}"), "b"),
        observation("years", quantity(1, "{pack-years}"), "b"),
        observation("high", pressure(160, 80)),
        observation("low", pressure(80, 160)),
        observation(
            "concept",
            {"valueCodeableConcept": {"coding": [{"system": "urn:v", "code": "yes"}]}},
            "q",
        ),
        *(
            {
                "resourceType": "RiskAssessment",
                "id": name,
                "prediction": [{"probabilityDecimal": value}],
            }
            for name, value in (
                ("100", 100),
                ("99.4", 99.4),
                ("99.5", 99.5),
                ("100.4", 100.4),
                ("100.5", 100.5),
                ("range", 0.8),
            )
        ),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # "Values that equal 100, to 3 significant figures precision": [99.5 ... 100.5)
        ("100", "100 100.4 99.5"),
        ("100.0", "100"),
        ("100.00", "100"),
        # One digit; the range that R4's table prints for it is that of two.
        ("1e2", "100 100.4 100.5 99.4 99.5"),
        ("2e2", ""),
        ("1.0e2", "100 100.4 100.5 99.4 99.5"),
        ("1.01e2", "100.5"),
        ("lt100", "99.4 99.5 range"),
        ("le100", "100 99.4 99.5 range"),
        ("gt100", "100.4 100.5"),
        ("ge100", "100 100.4 100.5"),
        ("ne100", "100.5 99.4 range"),
        ("sa100.4", "100.5"),
        ("eb99.5", "99.4 range"),
        ("ap100", "100 100.4 100.5 99.4 99.5"),
        ("0.8", "range"),
    ],
)
async def test_numbers(loaded: None, find: Find, value: str, expected: str) -> None:
    found = await find("RiskAssessment", ("probability", value))
    assert sorted(found) == expected.split()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("value-quantity", f"1|{UCUM}|mg", "mg ug"),
        ("value-quantity", f"1000|{UCUM}|ug", "mg ug"),
        ("value-quantity", f"1.0|{UCUM}|g", "g"),
        ("value-quantity", f"0.001|{UCUM}|g", "mg ug"),
        ("value-quantity", f"gt500|{UCUM}|ug", "g mg ug"),
        ("value-quantity", "1||mg", "mg text"),
        ("value-quantity", f"1|{UCUM}|{{score}}", "score"),
        ("value-quantity", "1", "g mg score text years"),
        ("value-quantity", "1|urn:other|mg", ""),
        ("value-quantity", f"1|{UCUM}|nonsense", ""),
        ("value-quantity", f"7|{UCUM}|{'1' * 5000}", "digits"),
        ("value-quantity", f"7|{UCUM}|10*{'9' * 5000}", ""),
        ("value-quantity", "lt4||u", "below"),
        ("value-quantity", "gt5||u", ""),
        ("code-value-quantity", f"a$1|{UCUM}|mg", "mg ug"),
        ("code-value-quantity", f"b$1|{UCUM}|mg", ""),
        ("component-code-value-quantity", "sys$gt140", "high"),
        ("component-code-value-quantity", "dia$gt140", "low"),
        ("component-code-value-quantity", f"sys$160|{UCUM}|mm[Hg]", "high"),
        ("component-code-value-quantity", f"sys$gt20|{UCUM}|kPa", "high"),
        ("combo-code-value-quantity", "sys$gt140,b$1", "high score years"),
        ("combo-value-quantity", "gt140", "high low ug"),
        ("code-value-concept", "q$urn:v|yes", "concept"),
        ("code-value-concept", "a$urn:v|yes", ""),
    ],
)
async def test_quantities(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("Observation", (name, value))) == expected.split()


async def test_parts_of_different_elements_do_not_make_a_composite(
    loaded: None, find: Find
) -> None:
    both = (("component-code", "sys"), ("component-value-quantity", "gt140"))
    assert sorted(await find("Observation", *both)) == ["high", "low"]


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("mg", "ug", "1000"),
        ("g/L", "mg/dL", "100"),
        ("mmol/L", "umol/L", "1000"),
        ("10*3/uL", "10*9/L", "1"),
        ("h", "min", "60"),
        ("kg/m2", "g/m2", "1000"),
        ("m[Hg]", "mm[Hg]", "1000"),
        ("/min", "/s", "0.01666666666666666666666666667"),
        ("mg", "mg", "1"),
        ("mg", "mmol", None),
        ("Cel", "K", None),
        ("[iU]", "U", None),
        ("m[iU]/mL", "[iU]/L", "1"),
        ("[IU]/mL", "k[iU]/L", "1"),
        ("[iU]/L", "mg/L", None),
        ("mg{creat}", "mg", None),
        ("nonsense", "mg", None),
        ("mg", "0", None),
    ],
)
def test_units_convert_within_their_dimension(source: str, target: str, factor: str | None) -> None:
    found = factor_between(source, target)
    assert found == (None if factor is None else Decimal(factor))
