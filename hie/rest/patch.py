"""PATCH [base]/[type]/[id] and [base]/[type]?criteria. https://hl7.org/fhir/R4/http.html#patch"""

from starlette.requests import Request
from starlette.responses import Response

from hie.fhir.patch import FHIRPATH_PATCH
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.conditions import unmodified_since
from hie.rest.criteria import criteria, require_no_criteria
from hie.rest.negotiate import JSON_TYPES, XML_TYPES, media_type, preferred_return
from hie.rest.provenance import sent_provenance
from hie.rest.respond import changed, may_see_result

LARGEST_PATCH = 1024 * 1024


async def patch(request: Request) -> Response:
    """Change a part of a resource by JSON Patch or FHIRPath Patch."""
    return await _patch(request, logical_id=request.path_params["id"])


async def conditional_patch(request: Request) -> Response:
    """The same for what matches the criteria; there must be exactly one."""
    return await _patch(request, query=criteria(request))


async def _patch(
    request: Request, *, logical_id: str | None = None, query: str | None = None
) -> Response:
    caller = await authenticate(request)
    if logical_id is not None:
        require_no_criteria(request)
    exchange = exchange_of(request)
    wanted = preferred_return(request, "representation")
    type_name = request.path_params["type"]
    entry = Entry(
        "PATCH",
        type_name,
        id=logical_id,
        query=query,
        body=await read_body(request, LARGEST_PATCH),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        if_unmodified_since=unmodified_since(request.headers),
        media_type=_patch_type(request),
    )
    provenance = await sent_provenance(request, caller)
    [outcome] = await accept(exchange, caller, [entry], before_commit=provenance)
    shown = may_see_result(caller, "PATCH", type_name, wanted)
    return changed(request, exchange.settings.fhir_base, outcome, shown)


def _patch_type(request: Request) -> str:
    """The patch's media type; Parameters may be sent under any name for FHIR's JSON or XML."""
    sent = media_type(request.headers.get("content-type", ""))
    return FHIRPATH_PATCH if sent in JSON_TYPES | XML_TYPES else sent
