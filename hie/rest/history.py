"""GET [base]/[type]/[id]/_history. https://hl7.org/fhir/R4/http.html#history"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.fetch import fetch_history
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.respond import answer

DEFAULT_COUNT = 50
LARGEST_COUNT = 1000
NEWEST = 2**31 - 1


def whole_number(request: Request, name: str, default: int, largest: int) -> int:
    """The parameter as a number from 1 to `largest`; Problem 400 if it is anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) >= 1:
        return min(int(text), largest)
    raise problem(
        400,
        "invalid",
        f"{name}={text[:40]} is not a whole number above 0",
        f"{name}={text[:40]} 不是大于 0 的整数",
        name,
    )


async def history(request: Request) -> Response:
    """The versions of a resource, newest first."""
    caller = await authenticate(request)
    path = request.path_params
    body = await fetch_history(
        exchange_of(request),
        caller,
        path["type"],
        path["id"],
        before=whole_number(request, "_before", NEWEST, NEWEST),
        count=whole_number(request, "_count", DEFAULT_COUNT, LARGEST_COUNT),
    )
    return answer(request, body)
