"""GET [base]/[type]/[id]/_history/[vid]. https://hl7.org/fhir/R4/http.html#vread"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.fetch import fetch_version, missing
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.respond import versioned

LARGEST_VERSION = 2**31 - 1


async def vread(request: Request) -> Response:
    """One version of a resource."""
    caller = await authenticate(request)
    path = request.path_params
    text = path["version"]
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_VERSION):
        raise missing(path["type"], f"{path['id']}/_history/{text}")
    fetched = await fetch_version(exchange_of(request), caller, path["type"], path["id"], int(text))
    return versioned(request, fetched)
