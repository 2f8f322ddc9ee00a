"""Bundles spliced together from stored bytes. https://hl7.org/fhir/R4/bundle.html"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

import orjson

from hie.kit.clock import instant
from hie.kit.ids import new_id


def with_parameters(address: str, parameters: Sequence[tuple[str, str]]) -> str:
    """The address with the parameters added to those it has."""
    if not parameters:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters, safe=':,|$*/-')}"


class Link(NamedTuple):
    """A Bundle link: `relation` is self, next, …"""

    relation: str
    url: str


def found(base: str, type_name: str, logical_id: str, body: bytes, mode: str) -> bytes:
    """An entry of a searchset; `mode` is match, include or outcome."""
    return b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}' % (
        base.encode(),
        type_name.encode(),
        logical_id.encode(),
        body,
        mode.encode(),
    )


def inside(base: str, container: str, local_id: str, body: bytes, mode: str) -> bytes:
    """The same for a contained resource: its address is that of `container` (Type/id) and its own id.

    https://hl7.org/fhir/R4/search.html#contained
    """
    type_name, _, logical_id = container.partition("/")
    return found(base, type_name, f"{logical_id}#{local_id}", body, mode)


def past(
    base: str,
    type_name: str,
    logical_id: str,
    body: bytes | None,
    *,
    version: int,
    last_updated: datetime,
    request: tuple[str, int],
) -> bytes:
    """An entry of a history, with the request (method and status) that made the version."""
    url = f"{type_name}/{logical_id}"
    method, status = request
    response = {
        "status": str(status),
        "etag": f'W/"{version}"',
        "lastModified": instant(last_updated),
    }
    if status == 201:
        response["location"] = f"{base}/{url}/_history/{version}"
    rest = {
        "request": {"method": method, "url": type_name if method == "POST" else url},
        "response": response,
    }
    head = b'{"fullUrl":%s,' % orjson.dumps(f"{base}/{url}")
    resource = b'"resource":%s,' % body if body is not None else b""
    return head + resource + orjson.dumps(rest)[1:]


def bundle(
    kind: str,
    entries: Iterable[bytes],
    *,
    links: Sequence[Link] = (),
    total: int | None = None,
    moment: datetime | None = None,
) -> bytes:
    """The Bundle's JSON text around entries that are already JSON."""
    head: dict[str, object] = {"resourceType": "Bundle", "id": new_id(), "type": kind}
    if moment is not None:
        head["meta"] = {"lastUpdated": instant(moment)}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [link._asdict() for link in links]
    body = b",".join(entries)
    return orjson.dumps(head)[:-1] + (b',"entry":[%s]}' % body if body else b"}")
