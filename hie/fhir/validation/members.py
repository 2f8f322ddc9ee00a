"""Checks of repeating members, and of the pairs of arrays of repeating primitives.

https://hl7.org/fhir/R4/json.html#primitive
"""

from typing import Any

from hie.fhir.validation.finding import (
    Check,
    Finding,
    Findings,
    Surroundings,
    at,
    one,
    wrong_shape,
)


def _no_filled_array(value: Any) -> list[Finding]:
    if type(value) is not list:
        return wrong_shape(value, "an array", "数组")
    return one("structure", "an array must not be empty", "数组不能为空")


def items_check(single: Check) -> Check:
    """The check of a filled array, of which `single` checks every item."""

    def check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
        if type(value) is not list or not value:
            return _no_filled_array(value)
        found: list[Finding] | None = None
        for position, item in enumerate(value):
            findings = single(item, owner, around)
            if findings:
                found = (found or []) + at(f"[{position}]", findings)
        return found

    return check


def values_check(single: Check, key: str) -> Check:
    """The check of the values of a repeating primitive: null where only `_key` has something."""

    def check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
        if type(value) is not list or not value:
            return _no_filled_array(value)
        found: list[Finding] = []
        for position, item in enumerate(value):
            if item is None and _companion(owner, "_" + key, position) is not None:
                continue
            findings = single(item, owner, around)
            if findings:
                found += at(f"[{position}]", findings)
        return found

    return check


def _companion(owner: dict[str, Any], key: str, position: int) -> Any:
    """The item beside this one in the other of the two arrays of a repeating primitive."""
    other = owner.get(key)
    return other[position] if isinstance(other, list) and position < len(other) else None


def extras_check(single: Check, key: str) -> Check:
    """Ids and extensions of a repeating primitive: an array in step with that of the values."""

    def check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
        if type(value) is not list or not value:
            return _no_filled_array(value)
        values = owner.get(key)
        if isinstance(values, list) and len(values) != len(value):
            return one(
                "structure",
                f"_{key} has {len(value)} items, but {key} has {len(values)}",
                f"_{key} 有 {len(value)} 项，但 {key} 有 {len(values)} 项",
            )
        found: list[Finding] = []
        for position, item in enumerate(value):
            if item is None:
                if values is None:
                    found += at(
                        f"[{position}]",
                        one("structure", "has neither value nor extension", "既无值也无扩展"),
                    )
                continue
            findings = single(item, owner, around)
            if findings:
                found += at(f"[{position}]", findings)
        return found

    return check
