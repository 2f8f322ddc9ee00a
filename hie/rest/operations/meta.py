"""$meta, $meta-add and $meta-delete. https://hl7.org/fhir/R4/resource-operation-meta.html

What is added or deleted makes a new version, through the write door like any other change: the
history of a record must say who labelled it, and when. The owner's tag stays whatever is deleted.
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.fhir.patch import META_ADD, META_DELETE
from hie.kit.json import members
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.fetch import fetch, fetch_version
from hie.records.labels import labels_in_use
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.negotiate import require_fhir_body
from hie.rest.operations.parameters import LARGEST_PARAMETERS
from hie.rest.respond import answer, version_headers
from hie.rest.vread import version_number

NO_LABELS = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "not-applicable",
        }
    ]
}
"""A Meta without labels, because no element may be empty: https://hl7.org/fhir/R4/json.html#null"""


def _returned(request: Request, meta: bytes, headers: dict[str, str] | None = None) -> Response:
    parameters = b'{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":%s}]}'
    return answer(request, parameters % meta, headers=headers)


async def meta_of_resource(request: Request) -> Response:
    """The meta of the current version, or of the one that the address names."""
    caller = await authenticate(request)
    exchange = exchange_of(request)
    path = request.path_params
    if "version" in path:
        number = version_number(path["type"], path["id"], path["version"])
        fetched = await fetch_version(exchange, caller, path["type"], path["id"], number)
    else:
        fetched = await fetch(exchange, caller, path["type"], path["id"])
    headers = version_headers(fetched.version, fetched.last_updated)
    return _returned(request, members(fetched.body)["meta"], headers)


async def meta_in_use(request: Request) -> Response:
    """The labels in use on a type, or on all."""
    caller = await authenticate(request)
    found = await labels_in_use(exchange_of(request), caller, request.path_params.get("type"))
    return _returned(request, orjson.dumps(found or NO_LABELS))


async def meta_add(request: Request) -> Response:
    """Add profiles, tags and security labels to a resource."""
    return await _change(request, META_ADD)


async def meta_delete(request: Request) -> Response:
    """Delete profiles, tags and security labels from a resource."""
    return await _change(request, META_DELETE)


async def _change(request: Request, operation: str) -> Response:
    caller = await authenticate(request)
    require_fhir_body(request)
    entry = Entry(
        "PATCH",
        request.path_params["type"],
        id=request.path_params["id"],
        body=await read_body(request, LARGEST_PARAMETERS),
        if_match=request.headers.get("if-match"),
        media_type=operation,
    )
    [outcome] = await accept(exchange_of(request), caller, [entry])
    headers = version_headers(outcome.version, outcome.last_updated)
    return _returned(request, members(outcome.body or b"{}")["meta"], headers)
