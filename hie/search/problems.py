"""What a search cannot answer, said by the parameter's name. https://hl7.org/fhir/R4/search.html#errors"""

from collections.abc import Iterable
from dataclasses import replace

from hie.errors import Problem, problem


def malformed(parameter: str, text: str, allowed: str) -> Problem:
    """The value does not have the form that the parameter takes."""
    shown = text if len(text) <= 100 else text[:100] + "…"
    return problem(
        400,
        "value",
        f"Search parameter '{parameter}': '{shown}' is not of the form {allowed}",
        f"检索参数“{parameter}”：“{shown}”不符合格式 {allowed}",
        parameter,
    )


def unknown(parameter: str, type_name: str, allowed: Iterable[str]) -> Problem:
    """The type has no such parameter, or it cannot be asked for here."""
    listed = ", ".join(allowed)
    return problem(
        400,
        "not-supported",
        f"Unknown search parameter '{parameter}' for {type_name}"
        + (f". Known: {listed}" if listed else ""),
        f"{type_name} 没有检索参数“{parameter}”" + (f"。可用参数：{listed}" if listed else ""),
        parameter,
    )


def refused(parameter: str, en: str, zh: str, code: str = "not-supported") -> Problem:
    """Any other reason."""
    return problem(
        400,
        code,
        f"Search parameter '{parameter}': {en}",
        f"检索参数“{parameter}”：{zh}",
        parameter,
    )


def named(found: Problem, parameter: str) -> Problem:
    """The same problem at the parameter as it was sent: a chain's end alone would not be found there."""
    return Problem(found.status, [replace(one, expression=parameter) for one in found.issues])


def too_costly(en: str, zh: str) -> Problem:
    """The answer would be too large to be worth having."""
    return problem(400, "too-costly", en, zh)
