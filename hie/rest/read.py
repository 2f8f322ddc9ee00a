"""GET [base]/[type]/[id]. https://hl7.org/fhir/R4/http.html#read"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.fetch import fetch
from hie.rest.authenticate import authenticate, exchange_of, recognise
from hie.rest.binary import version_or_content


async def read(request: Request) -> Response:
    """The current version of a resource; 304 if the caller has it already."""
    caller = recognise(request) or await authenticate(request)
    path = request.path_params
    fetched = await fetch(exchange_of(request), caller, path["type"], path["id"])
    return version_or_content(request, fetched)
