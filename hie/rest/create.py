"""POST [base]/[type]. https://hl7.org/fhir/R4/http.html#create"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.accept import accept
from hie.records.entry import Entry
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import LARGEST_RESOURCE, read_body
from hie.rest.negotiate import preferred_return, require_fhir_body
from hie.rest.respond import changed


async def create(request: Request) -> Response:
    """Store a new resource; with If-None-Exist only if nothing matches."""
    caller = await authenticate(request)
    require_fhir_body(request)
    exchange = exchange_of(request)
    entry = Entry(
        "POST",
        request.path_params["type"],
        body=await read_body(request, LARGEST_RESOURCE),
        if_none_exist=request.headers.get("if-none-exist"),
    )
    [outcome] = await accept(exchange, caller, [entry])
    wanted = preferred_return(request, "representation")
    return changed(request, exchange.settings.fhir_base, outcome, wanted)
