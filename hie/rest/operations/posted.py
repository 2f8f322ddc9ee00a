"""Operations that only read, called by POST. https://hl7.org/fhir/R4/operations.html#executing

Any operation can be posted to, with its input in a Parameters resource. Where all of that is simple
values it means the same as a GET with them in the address, and is answered by the same endpoint.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.fhir.json_text import read_json
from hie.rest.authenticate import authenticate
from hie.rest.body import read_body
from hie.rest.negotiate import require_fhir_body
from hie.rest.operations.parameters import LARGEST_PARAMETERS
from hie.rest.search import parameters_of as address_parameters
from hie.rest.zero_character import no_text

Endpoint = Callable[[Request], Awaitable[Response]]


def by_post(endpoint: Endpoint) -> Endpoint:
    """The endpoint of a GET, for a POST of the same parameters."""

    @wraps(endpoint)
    async def posted(request: Request) -> Response:
        caller = await authenticate(request)
        text = await read_body(request, LARGEST_PARAMETERS)
        pairs = address_parameters(request.url.query)
        if text:
            require_fhir_body(request)
            pairs += _pairs(text)
        scope = {
            **request.scope,
            "method": "GET",
            "query_string": urlencode(pairs).encode(),
            "caller": caller,
        }
        return await endpoint(Request(scope, request.receive))

    return posted


def _pairs(text: bytes) -> list[tuple[str, str]]:
    """The parameters of a Parameters resource; Problem 400 unless all are simple values or references."""
    sent = read_json(text)
    try:
        given = sent.get("parameter", []) if sent["resourceType"] == "Parameters" else None
        if given is not None:
            pairs = [(one["name"], _simple(one)) for one in given]
            if not any("\0" in name + value for name, value in pairs):
                return pairs
            raise no_text("A parameter", "参数", "Parameters.parameter")
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise problem(
        400,
        "structure",
        "Send Parameters with a name and a simple value or a reference each, or nothing",
        "请发送 Parameters，每个参数包含名称和简单类型的值（或引用），或不带内容",
        "Parameters.parameter",
    )


def _simple(parameter: dict[str, Any]) -> str:
    [value] = [value for name, value in parameter.items() if name.startswith("value")]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        value = value["reference"]
    if isinstance(value, str | int | float) and isinstance(parameter["name"], str):
        return str(value)
    raise ValueError(parameter)
