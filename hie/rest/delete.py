"""DELETE [base]/[type]/[id] and [base]/[type]?criteria. https://hl7.org/fhir/R4/http.html#delete"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.fhir.outcome import operation_outcome
from hie.records.accept import accept
from hie.records.entry import Entry, Outcome
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.conditions import unmodified_since
from hie.rest.criteria import criteria, require_no_criteria
from hie.rest.negotiate import language, preferred_return
from hie.rest.provenance import refuse_provenance
from hie.rest.respond import PRIVATE, answer, done


async def delete(request: Request) -> Response:
    """Delete a resource; its versions stay in the history."""
    caller = await authenticate(request)
    require_no_criteria(request)
    refuse_provenance(request)
    entry = Entry(
        "DELETE",
        request.path_params["type"],
        id=request.path_params["id"],
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        if_unmodified_since=unmodified_since(request.headers),
    )
    [outcome] = await accept(exchange_of(request), caller, [entry])
    return _deleted(request, outcome)


async def conditional_delete(request: Request) -> Response:
    """Delete what matches the criteria: one resource, or several if the exchange is set so.

    https://hl7.org/fhir/R4/http.html#3.1.0.7.1
    """
    caller = await authenticate(request)
    refuse_provenance(request)
    entry = Entry(
        "DELETE",
        request.path_params["type"],
        query=criteria(request),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        if_unmodified_since=unmodified_since(request.headers),
    )
    [outcome] = await accept(exchange_of(request), caller, [entry])
    return _deleted(request, outcome)


def _deleted(request: Request, outcome: Outcome) -> Response:
    headers = {"etag": f'W/"{outcome.version}"'} if outcome.version else {}
    if preferred_return(request, "minimal") == "OperationOutcome":
        body = operation_outcome([done(outcome)], language(request))
        return answer(request, orjson.dumps(body), headers=headers)
    return Response(status_code=204, headers={**PRIVATE, **headers})
