"""From XML to the JSON text of the same resource. https://hl7.org/fhir/R4/json.html#xml

Only the shape is checked here: names, namespaces, attributes. Values that JSON writes as numbers or
truth values keep their text; one that is neither stays a string, which validation then refuses with
the element's path, as it would in JSON.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from hie.fhir.definitions import RESOURCE_TYPES, Element, member, primitives
from hie.fhir.xml.markup import XHTML, FhirXmlError, Node, parse

FHIR = "http://hl7.org/fhir"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMERIC = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
KNOWN_TYPES = frozenset(RESOURCE_TYPES)

Json = Any
"""A JSON value as Python has it, with `msgspec.Raw` for numbers."""


def to_json(raw: bytes) -> bytes:
    """The JSON text of an XML resource; raises FhirXmlError with place and reason."""
    root = parse(raw)
    return msgspec.json.encode(_resource(root, root.name))


def _refuse(node: Node, path: str, en: str, zh: str) -> FhirXmlError:
    return FhirXmlError(en, zh, line=node.line, column=node.column, path=path)


def _resource(node: Node, path: str) -> dict[str, Json]:
    if node.namespace != FHIR:
        raise _refuse(
            node,
            path,
            f"<{node.name}> is in the namespace '{node.namespace}', not in {FHIR}",
            f"<{node.name}> 的命名空间是“{node.namespace}”，应为 {FHIR}",
        )
    if node.name not in KNOWN_TYPES:
        raise _refuse(
            node,
            path,
            f"<{node.name}> is not a resource type of FHIR R4",
            f"FHIR R4 没有资源类型 <{node.name}>",
        )
    return {"resourceType": node.name, **_members(node, node.name, path, attributes=())}


def _members(
    node: Node, type_name: str, path: str, *, attributes: tuple[str, ...]
) -> dict[str, Json]:
    """The members of an object; `attributes` may stand in the start tag."""
    found: dict[str, Json] = {}
    for key, value in node.attributes.items():
        if key in attributes:
            found[key] = value
        elif " " not in key:  # those with a namespace are hints for XML tools
            raise _refuse(
                node,
                path,
                f"The attribute '{key}' is not allowed on <{node.name}>",
                f"<{node.name}> 不允许使用属性“{key}”",
            )
    for child in node.children:
        _child(found, child, type_name, path)
    # Where no item of a primitive list has a value, or none has extensions, JSON has no such list.
    return {key: value for key, value in found.items() if not _all_missing(value)}


def _all_missing(value: Json) -> bool:
    return isinstance(value, list) and all(item is None for item in value)


def _child(found: dict[str, Json], child: Node, type_name: str, path: str) -> None:
    element, datatype = _element(child, type_name, path)
    here = f"{path}.{child.name}"
    if element.many:
        before = found.get(child.name) or found.get(f"_{child.name}") or ()
        here += f"[{len(before)}]"
    elif child.name in found or f"_{child.name}" in found:
        raise _refuse(
            child,
            here,
            f"<{child.name}> occurs more than once",
            f"<{child.name}> 重复出现",
        )
    if datatype not in primitives():
        value = _complex(child, datatype, here)
        if element.many:
            found.setdefault(child.name, []).append(value)
        else:
            found[child.name] = value
        return
    value, beside = _primitive(child, datatype, here)
    for name, part in ((child.name, value), (f"_{child.name}", beside)):
        if element.many:
            found.setdefault(name, []).append(part)
        elif part is not None:
            found[name] = part


def _element(child: Node, type_name: str, path: str) -> tuple[Element, str]:
    """The definition of a child and the datatype that its name says."""
    expected = XHTML if child.name == "div" and type_name == "Narrative" else FHIR
    known = member(type_name, child.name) if child.namespace == expected else None
    if known is not None:
        return known
    raise _refuse(
        child,
        f"{path}.{child.name}",
        f"<{child.name}> is not an element of {type_name}",
        f"{type_name} 没有元素 <{child.name}>",
    )


def _complex(node: Node, datatype: str, path: str) -> Json:
    if datatype == "Resource":
        if len(node.children) != 1:
            raise _refuse(
                node,
                path,
                f"<{node.name}> holds {len(node.children)} resources instead of one",
                f"<{node.name}> 应只含一个资源，实际为 {len(node.children)} 个",
            )
        return _resource(node.children[0], path)
    attributes = ("id", "url") if datatype == "Extension" else ("id",)
    return _members(node, datatype, path, attributes=attributes)


def _primitive(node: Node, datatype: str, path: str) -> tuple[Json, Json]:
    """The value, and the object beside it that holds its id and extensions; None for either."""
    if datatype == "xhtml":
        return node.text, None
    text = node.attributes.pop("value", None)
    beside = _members(node, "Element", path, attributes=("id",))
    return None if text is None else _READ.get(datatype, str)(text), beside or None


def _number(text: str) -> Json:
    return msgspec.Raw(text.encode()) if _NUMBER.fullmatch(text) else text


def _boolean(text: str) -> Json:
    return {"true": True, "false": False}.get(text, text)


_READ: dict[str, Callable[[str], Json]] = {
    **dict.fromkeys(_NUMERIC, _number),
    "boolean": _boolean,
}
