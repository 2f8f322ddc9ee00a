"""POST [base]/[type]. https://hl7.org/fhir/R4/http.html#create"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.match import bare
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.binary import resource_body
from hie.rest.negotiate import FORM_PARAMETERS, preferred_return
from hie.rest.provenance import sent_provenance
from hie.rest.respond import changed


async def create(request: Request) -> Response:
    """Store a new resource; with If-None-Exist only if nothing matches."""
    caller = await authenticate(request)
    _require_no_criteria(request)
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


def _require_no_criteria(request: Request) -> None:
    """Problem 400 for search parameters in the address: some servers take them as a condition.

    Left aside silently, they would make a second resource of what is already there.
    """
    foreign = sorted(set(request.query_params) - FORM_PARAMETERS)
    if foreign:
        raise problem(
            400,
            "invalid",
            f"A create takes no parameters such as '{foreign[0][:80]}'; send If-None-Exist",
            f"创建操作不接受参数“{foreign[0][:80]}”；请使用 If-None-Exist",
            foreign[0][:80],
        )
