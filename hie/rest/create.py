"""POST [base]/[type]. https://hl7.org/fhir/R4/http.html#create"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.match import bare
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.binary import resource_body
from hie.rest.criteria import require_no_criteria
from hie.rest.negotiate import preferred_return
from hie.rest.provenance import sent_provenance
from hie.rest.respond import changed


async def create(request: Request) -> Response:
    """Store a new resource; with If-None-Exist only if nothing matches."""
    caller = await authenticate(request)
    require_no_criteria(request)
    exchange = exchange_of(request)
    type_name = request.path_params["type"]
    entry = Entry(
        "POST",
        type_name,
        body=await resource_body(request),
        if_none_exist=bare(request.headers.get("if-none-exist"), type_name),
    )
    wanted = preferred_return(request, "representation")
    provenance = await sent_provenance(request, caller)
    [outcome] = await accept(exchange, caller, [entry], before_commit=provenance)
    return changed(request, exchange.settings.fhir_base, outcome, wanted)
