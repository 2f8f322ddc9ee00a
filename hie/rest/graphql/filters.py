"""Which items of a list a field's arguments let through. https://hl7.org/fhir/R4/graphql.html#list"""

from collections.abc import Mapping, Sequence
from typing import Any

from hie.fhir.fhirpath import PathError, elements
from hie.rest.graphql.document import refused

DIGITS = 19
"""Fewer make a number of 64 bits."""


def matching(
    items: Sequence[Any], arguments: Mapping[str, Any], resource: Mapping[str, Any], path: str
) -> list[tuple[int, Any]]:
    """The items, with their numbers, for which every argument holds; then the part asked for.

    `fhirpath` is a condition on the item, which stands at `path` of `resource`; `_offset` and
    `_count` cut out a part; any other argument names a member and the value that it must have.
    """
    left = list(enumerate(items))
    for name, wanted in arguments.items():
        if name == "fhirpath":
            left = [one for one in left if _true_of(resource, f"{path}[{one[0]}]", wanted)]
        elif name not in ("_offset", "_count"):
            left = [one for one in left if isinstance(one[1], dict) and one[1].get(name) == wanted]
    offset = _number(arguments.get("_offset", 0), path)
    count = _number(arguments.get("_count", len(left)), path)
    return left[offset : offset + count]


def _number(value: Any, path: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < DIGITS):
        raise refused(
            f"_offset and _count of {path} are whole numbers",
            f"{path} 的 _offset 与 _count 应为整数",
        )
    return int(text)


def _true_of(resource: Mapping[str, Any], place: str, expression: Any) -> bool:
    try:
        return bool(elements(resource, f"{place}.where({expression})"))
    except PathError as error:
        raise refused(
            f"'{expression}' is not a FHIRPath condition on {place}: {error}",
            f"“{expression}”不是可用于 {place} 的 FHIRPath 条件：{error}",
            place,
        ) from error
