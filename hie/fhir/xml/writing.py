"""From the JSON text of a resource to XML. https://hl7.org/fhir/R4/xml.html

Elements come in the order of their definitions, as the schemas demand; numbers keep their text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any
from xml.sax.saxutils import quoteattr

from hie.fhir.definitions import Element, primitives, type_definition

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
# Line ends and tabs in an attribute would be read back as spaces.
_ENTITIES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def to_xml(raw: bytes, *, pretty: bool = False) -> bytes:
    """The XML of a valid resource's JSON text, if wanted with line breaks and indentation.

    Raises ValueError if a text holds characters that XML 1.0 has no way to write.
    """
    resource = json.loads(raw, parse_float=_Number, parse_int=_Number)
    pieces = _resource(resource)
    text = "".join(_indented(pieces) if pretty else pieces)
    impossible = _IMPOSSIBLE.search(text)
    if impossible:
        raise ValueError(f"XML cannot hold the character U+{ord(impossible[0]):04X}")
    return f"{HEAD}{text}".encode()


def _indented(pieces: Iterable[str]) -> Iterator[str]:
    """Each piece on a line of its own; narratives stay as they are, for their white space counts."""
    depth = 0
    for piece in pieces:
        ends = piece.startswith("</")
        depth -= ends
        yield f"\n{'  ' * depth}{piece}"
        depth += not (ends or "</" in piece or piece.endswith("/>"))
    yield "\n"


def _resource(resource: dict[str, Any]) -> Iterator[str]:
    name = resource["resourceType"]
    yield f'<{name} xmlns="http://hl7.org/fhir">'
    yield from _members(resource, name, skip=frozenset())
    yield f"</{name}>"


def _members(value: dict[str, Any], type_name: str, *, skip: frozenset[str]) -> Iterator[str]:
    for element in type_definition(type_name).elements.values():
        if element.name in skip:
            continue
        for name, datatype in _written_as(element, value):
            if datatype in primitives():
                yield from _primitives(name, datatype, value.get(name), value.get(f"_{name}"))
            else:
                found = value[name]
                for one in found if isinstance(found, list) else (found,):
                    yield from _complex(name, datatype, one)


def _written_as(element: Element, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The names under which an element occurs in `value`, with their datatypes."""
    for datatype in element.types:
        name = element.name + (datatype[0].upper() + datatype[1:] if element.choice else "")
        if name in value or f"_{name}" in value:
            yield name, datatype
        if not element.choice:
            return


def _complex(name: str, datatype: str, value: dict[str, Any]) -> Iterator[str]:
    if datatype == "Resource":
        yield f"<{name}>"
        yield from _resource(value)
    else:
        attributes = ("id", "url") if datatype == "Extension" else ("id",)
        yield f"<{name}{''.join(_attribute(key, value.get(key)) for key in attributes)}>"
        yield from _members(value, datatype, skip=frozenset(attributes))
    yield f"</{name}>"


def _primitives(name: str, datatype: str, value: Any, beside: Any) -> Iterator[str]:
    if datatype == "xhtml":
        yield value
        return
    values = value if isinstance(value, list) else [value]
    asides = beside if isinstance(beside, list) else [beside]
    for one, aside in zip_longest(values, asides):
        inner = "".join(_members(aside, "Element", skip=frozenset({"id"}))) if aside else ""
        head = f"<{name}{_attribute('id', (aside or {}).get('id'))}{_attribute('value', one)}"
        yield f"{head}>{inner}</{name}>" if inner else f"{head}/>"


def _attribute(key: str, value: Any) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f" {key}={quoteattr(text, _ENTITIES)}"
