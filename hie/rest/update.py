"""PUT [base]/[type]/[id] and [base]/[type]?criteria. https://hl7.org/fhir/R4/http.html#update"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.accept import accept
from hie.records.entry import Entry
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.binary import resource_body
from hie.rest.conditions import unmodified_since
from hie.rest.criteria import criteria, require_no_criteria
from hie.rest.negotiate import preferred_return
from hie.rest.provenance import sent_provenance
from hie.rest.respond import changed


async def update(request: Request) -> Response:
    """Store a new version, or the first one under an id that the sender chose."""
    return await _update(request, logical_id=request.path_params["id"])


async def conditional_update(request: Request) -> Response:
    """Store a new version of what matches the criteria, or a new resource if nothing does.

    https://hl7.org/fhir/R4/http.html#cond-update
    """
    return await _update(request, query=criteria(request))


async def _update(
    request: Request, *, logical_id: str | None = None, query: str | None = None
) -> Response:
    caller = await authenticate(request)
    if logical_id is not None:
        require_no_criteria(request)
    exchange = exchange_of(request)
    wanted = preferred_return(request, "representation")
    entry = Entry(
        "PUT",
        request.path_params["type"],
        id=logical_id,
        query=query,
        body=await resource_body(request, logical_id),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        if_unmodified_since=unmodified_since(request.headers),
    )
    provenance = await sent_provenance(request, caller)
    [outcome] = await accept(exchange, caller, [entry], before_commit=provenance)
    return changed(request, exchange.settings.fhir_base, outcome, wanted)
