"""Which texts of a resource are addresses of other resources, beside its References.

"elements of type uri, url, oid, uuid … Elements of type canonical are not replaced":
https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from hie.fhir.definitions import RESOURCE_TYPES, member, type_definition

LINKS = frozenset(("uri", "url", "oid", "uuid"))
NAMES = frozenset(("url", "system"))
"""Elements of type uri that say what something is called, not where it is."""
KNOWN_TYPES = frozenset(RESOURCE_TYPES)


def links(resource: Mapping[str, Any], addresses: Container[str]) -> Iterator[bool]:
    """For each text that is one of `addresses`, in their order, whether it is a link to it.

    A uri that is an http address is none: what it names, such as a code system, has the same name
    wherever it is stored. So is the canonical address that a resource gives itself.
    """
    return _of_type(resource.get("resourceType"), resource, addresses)


def _of_type(
    type_name: str | None, value: Mapping[str, Any], addresses: Container[str]
) -> Iterator[bool]:
    for name, inner in value.items():
        found = None
        if name.startswith("_"):
            datatype: str | None = "Element"
        else:
            found = member(type_name, name) if type_name else None
            datatype = found[1] if found else None
        yield from _of_element(name, datatype, inner, addresses)


def _of_element(
    name: str, datatype: str | None, value: Any, addresses: Container[str]
) -> Iterator[bool]:
    if isinstance(value, list):
        for each in value:
            yield from _of_element(name, datatype, each, addresses)
    elif isinstance(value, dict):
        own = value.get("resourceType")
        kind = own if own in KNOWN_TYPES else datatype
        yield from _of_type(kind if _has_members(kind) else None, value, addresses)
    elif isinstance(value, str) and value in addresses:
        yield _is_link(name, datatype, value)


def _has_members(datatype: str | None) -> bool:
    if datatype is None:
        return False
    try:
        type_definition(datatype)
    except KeyError:
        return False
    return True


def _is_link(name: str, datatype: str | None, text: str) -> bool:
    if text.startswith(("http://", "https://")):
        return datatype == "url"
    return datatype in LINKS and not (datatype == "uri" and name in NAMES)
