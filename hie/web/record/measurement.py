"""Measured values: text, unit, reference range and flag. https://hl7.org/fhir/R4/observation.html"""

from dataclasses import dataclass
from decimal import Decimal

from hie.errors import Text
from hie.web.record.coded import Resource, codes_of, key_of, text_of, words_of

_HIGH = {"H", "HH", "HU", ">"}
_LOW = {"L", "LL", "LU", "<"}
_ABNORMAL = {"A", "AA", "POS", "DET", "R"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `number`, `low` and `high` are None unless the Observation states them as numbers.

    `test` is the token `system|code` of what was measured, `unit_code` the UCUM code; `flag` is "high", "low", "abnormal" or "".
    """

    name: Text
    text: str
    test: str = ""
    number: float | None = None
    unit: str = ""
    unit_code: str = ""
    low: float | None = None
    high: float | None = None
    range_text: str = ""
    flag: str = ""

    @property
    def with_unit(self) -> str:
        return f"{self.text} {self.unit}".strip()


def _number(quantity: object) -> float | None:
    value = quantity.get("value") if isinstance(quantity, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value)


def _written(quantity: Resource) -> str:
    """The number as its sender wrote it: a decimal's last zero says how exact it is."""
    value = quantity.get("value", "")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def plain(number: float) -> str:
    """A level of an axis without needless zeros: `5.0` → `5`."""
    return f"{number:.6g}"


def _value(part: Resource) -> tuple[str, float | None, str]:
    if isinstance(quantity := part.get("valueQuantity"), dict):
        text = str(quantity.get("comparator", "")) + _written(quantity)
        return text, _number(quantity), str(quantity.get("unit") or quantity.get("code") or "")
    if concept := part.get("valueCodeableConcept"):
        return text_of(concept), None, ""
    for element in ("valueString", "valueInteger", "valueDateTime", "valueTime"):
        if element in part:
            value = part[element]
            return str(value), float(value) if isinstance(value, int) else None, ""
    if isinstance(value := part.get("valueBoolean"), bool):
        return "+" if value else "−", None, ""
    return text_of(part.get("dataAbsentReason")), None, ""


def _range(part: Resource) -> tuple[float | None, float | None, str]:
    for entry in part.get("referenceRange", ()):
        low, high = _number(entry.get("low")), _number(entry.get("high"))
        if text := entry.get("text"):
            return low, high, str(text)
        if low is not None and high is not None:
            return low, high, f"{_written(entry['low'])}–{_written(entry['high'])}"
        if high is not None:
            return None, high, f"≤ {_written(entry['high'])}"
        if low is not None:
            return low, None, f"≥ {_written(entry['low'])}"
    return None, None, ""


def _flag(part: Resource, number: float | None, low: float | None, high: float | None) -> str:
    codes = codes_of(part.get("interpretation"))
    if codes & _HIGH:
        return "high"
    if codes & _LOW:
        return "low"
    if codes & _ABNORMAL:
        return "abnormal"
    if codes or number is None:
        return ""  # the laboratory's own judgement, also "normal", goes before our arithmetic
    if high is not None and number > high:
        return "high"
    return "low" if low is not None and number < low else ""


def measurement(part: Resource) -> Measurement:
    """The measurement of an Observation, or of one of its components."""
    text, number, unit = _value(part)
    low, high, range_text = _range(part)
    flag = _flag(part, number, low, high)
    concept, quantity = part.get("code"), part.get("valueQuantity") or {}
    return Measurement(
        name=words_of(concept),
        text=text,
        test=key_of(concept),
        number=number,
        unit=unit,
        unit_code=str(quantity.get("code") or unit),
        low=low,
        high=high,
        range_text=range_text,
        flag=flag,
    )


def measurements(observation: Resource) -> tuple[Measurement, ...]:
    """All values of an Observation: its own, if it has one, then those of its components."""
    own = measurement(observation)
    parts = tuple(measurement(c) for c in observation.get("component", ()))
    return (own, *parts) if own.text or not parts else parts
