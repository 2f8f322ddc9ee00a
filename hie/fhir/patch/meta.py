"""$meta-add and $meta-delete as changes to a resource. https://hl7.org/fhir/R4/resource-operation-meta-add.html

Tags, security labels and profiles are sets: the first two are the same if system and code are.
"""

from typing import Any

from hie.errors import problem
from hie.fhir.json_text import read_json

SETS = ("profile", "security", "tag")
"""The members of `meta` that these operations may touch."""


def _identity(name: str, item: Any) -> object:
    return item if name == "profile" else (item.get("system"), item.get("code"))


def _given(patch: bytes) -> dict[str, list[Any]]:
    """The sets of the Meta that was sent as the parameter `meta`."""
    sent = read_json(patch)
    try:
        [meta] = [p["valueMeta"] for p in sent["parameter"] if p.get("name") == "meta"]
        if sent.get("resourceType") == "Parameters":
            given = {name: meta[name] for name in SETS if name in meta}
            if all(_well_formed(name, items) for name, items in given.items()):
                return given
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise problem(
        400,
        "structure",
        "Send Parameters with one parameter 'meta' that has a valueMeta",
        "请发送 Parameters，其中包含一个带 valueMeta 的参数 meta",
        "Parameters.parameter",
    )


def _well_formed(name: str, items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, str) if name == "profile" else _is_coding(item) for item in items
    )


def _is_coding(item: Any) -> bool:
    parts = ("system", "code")
    return isinstance(item, dict) and all(isinstance(item.get(p, ""), str) for p in parts)


def apply_meta_add(resource: dict[str, Any], patch: bytes) -> dict[str, Any]:
    """The resource with what its `meta` lacks of the Meta sent. Problem 400 for anything else sent."""
    meta = resource.setdefault("meta", {})
    for name, items in _given(patch).items():
        held = meta.setdefault(name, [])
        known = {_identity(name, item) for item in held}
        for item in items:
            if _identity(name, item) not in known:
                held.append(item)
                known.add(_identity(name, item))
    return resource


def apply_meta_delete(resource: dict[str, Any], patch: bytes) -> dict[str, Any]:
    """The resource without what the Meta sent names; what it does not have is no error."""
    meta = resource.get("meta", {})
    for name, items in _given(patch).items():
        unwanted = {_identity(name, item) for item in items}
        kept = [item for item in meta.get(name, ()) if _identity(name, item) not in unwanted]
        if kept:
            meta[name] = kept
        else:
            meta.pop(name, None)
    return resource
