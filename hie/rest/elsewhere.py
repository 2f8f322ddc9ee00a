"""Addresses that nothing answers: mostly a wrong base. https://hl7.org/fhir/R4/http.html#root"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.exchange import Exchange
from hie.rest.respond import failure


async def elsewhere(request: Request, _error: Exception) -> Response:
    """404 with the address of the FHIR interface."""
    exchange: Exchange = request.app.state.exchange
    base, path = exchange.settings.fhir_base, request.url.path[:200]
    return failure(
        request,
        problem(
            404,
            "not-found",
            f"There is nothing at {path}; the FHIR interface is at {base}",
            f"{path} 处没有内容；FHIR 接口地址为 {base}",
        ),
    )
