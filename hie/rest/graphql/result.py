"""Selected values put together to the answer: objects, lists, and the directives that flatten them.

https://hl7.org/fhir/R4/graphql.html#flatten
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hie.rest.graphql.document import Field, refused

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selected:
    """One value for the answer; `listed` values of one key make a list."""

    key: str
    value: Any
    listed: bool


def flattened(
    field: Field, items: list[tuple[int, Json]], parts: Sequence[list[Selected]], many: bool
) -> list[Selected]:
    """The selections of the items in place of the items themselves. `@slice` sets them apart again."""
    path = field.directives.get("slice", {}).get("path")
    flat: list[Selected] = []
    for (number, item), part in zip(items, parts, strict=True):
        suffix = ""
        if path is not None:
            suffix = f".{number}" if path == "$index" else f".{item.get(path, number)}"
        for one in part:
            listed = one.listed or (many and not _single(field, one.key))
            flat.append(Selected(one.key + suffix, one.value, listed))
    return flat


def _single(field: Field, key: str) -> bool:
    """Whether the selection under `key` is marked @singleton."""
    for selection in field.selections:
        for node in selection.selections:
            name = getattr(node, "alias", None) or getattr(node, "name", None)
            if name is not None and name.value == key:
                return any(one.name.value == "singleton" for one in node.directives or ())
    return False


def as_object(parts: Sequence[Selected], path: str) -> Json:
    """The selected values by key, in the order they were asked for."""
    found: Json = {}
    lists: set[str] = set()
    for one in parts:
        if one.listed and (one.key in lists or one.key not in found):
            lists.add(one.key)
            found.setdefault(one.key, []).append(one.value)
        elif one.key in found:
            raise refused(
                f"{path} has more than one '{one.key}', which was asked for as a single value",
                f"{path} 有多个“{one.key}”，但查询要求单个值",
                path,
            )
        else:
            found[one.key] = one.value
    return found
