"""AuditEvent: the trail for residents and auditors, sent AuditEvents for the institutions that sent them.

https://hl7.org/fhir/R4/auditevent.html
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from hie.access.caller import Caller
from hie.records.trail import read_trail, reads_trail, search_trail
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.respond import answer
from hie.rest.search import LARGEST_FORM, parameters_of

Endpoint = Callable[[Request], Awaitable[Response]]
Trail = Callable[[Request, Caller], Awaitable[Response]]


async def search_audit_events(request: Request, caller: Caller) -> Response:
    """AuditEvents, newest first."""
    pairs = parameters_of(request.url.query)
    if request.method == "POST":
        form = await read_body(request, LARGEST_FORM)
        pairs += parameters_of(form.decode("utf-8", "replace"))
    return answer(request, await search_trail(exchange_of(request), caller, pairs))


async def read_audit_event(request: Request, caller: Caller) -> Response:
    """One AuditEvent."""
    number = request.path_params["id"]
    return answer(request, await read_trail(exchange_of(request), caller, number))


def trail_or(stored: Endpoint, trail: Trail) -> Endpoint:
    """`trail` for AuditEvents to those who read the exchange's own, `stored` for everything else."""

    async def either(request: Request) -> Response:
        caller = await authenticate(request)
        return await (trail(request, caller) if reads_trail(caller) else stored(request))

    def endpoint(request: Request) -> Awaitable[Response]:
        return (either if request.path_params["type"] == "AuditEvent" else stored)(request)

    return endpoint
