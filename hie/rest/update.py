"""PUT [base]/[type]/[id]. https://hl7.org/fhir/R4/http.html#update"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.accept import accept
from hie.records.entry import Entry
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import LARGEST_RESOURCE, read_body
from hie.rest.negotiate import preferred_return, require_json_body
from hie.rest.respond import changed


async def update(request: Request) -> Response:
    """Store a new version, or the first one under an id that the sender chose."""
    caller = await authenticate(request)
    require_json_body(request)
    exchange = exchange_of(request)
    entry = Entry(
        "PUT",
        request.path_params["type"],
        id=request.path_params["id"],
        body=await read_body(request, LARGEST_RESOURCE),
        if_match=request.headers.get("if-match"),
    )
    wanted = preferred_return(request, "representation")
    [outcome] = await accept(exchange, caller, [entry])
    return changed(request, exchange.settings.fhir_base, outcome, wanted)
