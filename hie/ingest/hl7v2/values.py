"""The value of a result: OBX-2, OBX-5 and OBX-6 to `Observation.value[x]`. HL7 2.5.1 section 7.4.2.5

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-obx-to-observation.html
"""

import re
from decimal import Decimal
from typing import Any

from hie.ingest.hl7v2.codes import code, concept, system
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.message import Segment, Value
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import clock, date_time

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_COMPARED = re.compile(rf"(<=|>=|<|>|≤|≥|＜|＞)?\s*({NUMBER.pattern})")
_COMPARATORS = {"≤": "<=", "≥": ">=", "＜": "<", "＞": ">"}
_MOST_DIGITS = 9
_UCUM = "http://unitsofmeasure.org"

_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS", "ID"})


def integer(text: str, where: str) -> int | None:
    """The number; None if the text is none. Raises UnmappableError, naming `where`, for a huge one.

    https://hl7.org/fhir/R4/datatypes.html#integer has 32 bits.
    """
    if not (text.isascii() and text.isdecimal()):
        return None
    if len(text) > _MOST_DIGITS:
        raise UnmappableError(
            where,
            f"{text[:_MOST_DIGITS]}… has more than {_MOST_DIGITS} digits.",
            f"{text[:_MOST_DIGITS]}… 超过 {_MOST_DIGITS} 位数字。",
        )
    return int(text)


def decimal(text: str) -> Decimal:
    """The number as written, zeros at its end included."""
    return Decimal(text)


def unit(value: Value, source: Source) -> dict[str, str]:
    """`unit`, and `system` and `code` where the sender names the system of its units."""
    given, words = code(value.component(1)), value.component(2)
    if not given and not words:
        return {}
    result = {"unit": words or given}
    if given and value.component(3):
        # ISO+ and ANS+ are superseded; their codes are near UCUM but not UCUM.
        address = system(value.component(3), source)
        if address == _UCUM:
            result = {"unit": words or given, "system": address, "code": given}
    return result


def quantity(text: str, units: dict[str, str]) -> dict[str, Any] | None:
    """A Quantity from `5.10` or `<0.05`; None if the text is not a number."""
    match = _COMPARED.fullmatch(text)
    if match is None:
        return None
    sign, number = match.groups()
    result: dict[str, Any] = {"value": decimal(number)}
    if sign:
        result["comparator"] = _COMPARATORS.get(sign, sign)
    return result | units


def _structured(value: Value, units: dict[str, str]) -> dict[str, Any]:
    """SN: comparator, number, separator, number. HL7 2.5.1 section 2.A.70"""
    sign, first, between, second = (value.component(n) for n in (1, 2, 3, 4))
    one, two = quantity(first, units), quantity(second, units)
    if one and not between and not second and (whole := quantity(sign + first, units)):
        return {"valueQuantity": whole}
    if not sign and one and two and between == "-":
        return {"valueRange": {"low": one, "high": two}}
    if not sign and one and two and between in (":", "/"):
        return {"valueRatio": {"numerator": one, "denominator": two}}
    parts = (sign, first, between, second, units.get("unit", ""))
    return {"valueString": " ".join(part for part in parts if part)}


def _range(value: Value, units: dict[str, str]) -> dict[str, Any]:
    low, high = (quantity(value.component(n), units) for n in (1, 2))
    bounds = {name: bound for name, bound in (("low", low), ("high", high)) if bound}
    return {"valueRange": bounds} if bounds else {"valueString": value.text}


def _time(kind: str, value: Value, source: Source) -> dict[str, Any]:
    text = value.component(1)
    if kind == "TM":
        return {"valueTime": found} if (found := clock(text)) else {"valueString": text}
    try:
        return {"valueDateTime": date_time(text, source, "OBX-5")}
    except UnmappableError:
        return {"valueString": text}


def _period(value: Value, source: Source) -> dict[str, Any]:
    ends = (("start", value.component(1)), ("end", value.component(2)))
    period = {name: date_time(text, source, "OBX-5") for name, text in ends if text}
    return {"valuePeriod": period}


def value_of(obx: Segment, source: Source) -> dict[str, Any]:
    """`value[x]`, empty if there is no value.

    What does not fit its type stays as text: laboratories do send 阴性 or haemolysed as a number.
    """
    values = obx.all(5)
    if not values or obx.value(5).is_null:
        return {}
    kind, units = obx.text(2).upper(), unit(obx.value(6), source)
    if kind in _CODED:
        coded = _concepts(values, source)
        found: dict[str, Any] = {"valueCodeableConcept": coded} if coded else {}
    else:
        found = _single(kind, values[0], units, source) if len(values) == 1 else {}
    text = "\n".join(value.text for value in values)
    return found or ({"valueString": text} if text else {})


def _single(kind: str, value: Value, units: dict[str, str], source: Source) -> dict[str, Any]:
    match kind:
        case "NM":
            number = quantity(value.text, units)
            return {"valueQuantity": number} if number else {}
        case "SN":
            return _structured(value, units)
        case "NR":
            return _range(value, units)
        case "TM" | "DT" | "DTM" | "TS":
            return _time(kind, value, source)
        case "DR":
            return _period(value, source)
        case _:
            return {}


def _concepts(values: list[Value], source: Source) -> dict[str, Any] | None:
    # Several answers to one question: value[x] is single, so they become codings of one concept.
    found = [c for value in values if (c := concept(value, source))]
    if len(found) < 2:
        return found[0] if found else None
    codings = [coding for c in found for coding in c.get("coding", ())]
    texts = [c.get("text") or c["coding"][0]["code"] for c in found]
    return {**({"coding": codings} if codings else {}), "text": "; ".join(texts)}
