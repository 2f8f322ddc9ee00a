"""The answer of an operation, a Parameters resource, as values for pages.

https://hl7.org/fhir/R4/parameters.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hie.web.record.coded import Resource


def parts(resource: Mapping[str, Any]) -> list[Resource]:
    """The parameters of a Parameters resource, or the parts of one of them."""
    found = resource.get("part", resource.get("parameter", ()))
    return [one for one in found if isinstance(one, dict)]


def named(resource: Mapping[str, Any], name: str) -> Iterator[Resource]:
    """The parameters or parts of this name."""
    return (one for one in parts(resource) if one.get("name") == name)


def value(resource: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The value, reference or resource of the first parameter of this name."""
    return next(values(resource, name), default)


def values(resource: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The values of all parameters of this name."""
    for one in named(resource, name):
        for key, content in one.items():
            if key.startswith("value") or key == "resource":
                yield content
