"""DELETE [base]/[type]/[id]. https://hl7.org/fhir/R4/http.html#delete"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.accept import accept
from hie.records.entry import Entry
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.respond import PRIVATE


async def delete(request: Request) -> Response:
    """Delete a resource; its versions stay in the history."""
    caller = await authenticate(request)
    entry = Entry(
        "DELETE",
        request.path_params["type"],
        id=request.path_params["id"],
        if_match=request.headers.get("if-match"),
    )
    [outcome] = await accept(exchange_of(request), caller, [entry])
    return Response(status_code=204, headers={**PRIVATE, "etag": f'W/"{outcome.version}"'})
