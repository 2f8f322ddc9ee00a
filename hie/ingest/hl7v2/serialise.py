"""Resources as JSON text that keeps decimals as they were written: 5.10 stays 5.10.

https://hl7.org/fhir/R4/json.html#decimal
"""

import json
from decimal import Decimal
from typing import Any

import orjson

_FIRST = {name: rank for rank, name in enumerate(("resourceType", "id", "meta"))}


def _decimal(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{type(value).__name__} is not part of a resource")


def to_bytes(resource: dict[str, Any]) -> bytes:
    """The resource's text; the order of elements does not depend on how it came together."""
    names = sorted(resource, key=lambda name: (_FIRST.get(name, len(_FIRST)), name))
    return orjson.dumps({name: resource[name] for name in names}, default=_decimal)


def from_bytes(body: bytes) -> dict[str, Any]:
    """The resource in `body`, with decimals that `to_bytes` writes back unchanged."""
    resource: dict[str, Any] = json.loads(body, parse_float=Decimal)
    return resource
