"""How endpoints answer: JSON for apps, never stored, readable from any origin where that is safe.

https://www.rfc-editor.org/rfc/rfc6749#section-5
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.auth.failures import OAuthError, TooManyRequests
from hie.auth.limits import check_rate

Endpoint = Callable[[Request], Awaitable[Response]]

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

ANY_ORIGIN = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "authorization, content-type, accept, dpop, if-none-match",
    "access-control-expose-headers": "dpop-nonce, etag, www-authenticate",
    "access-control-max-age": "600",
}
"""Apps in the browser call these endpoints from their own origin. No cookie is read or set here,
so any origin may: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support"""


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] = NO_STORE) -> Response:
    """A JSON body."""
    return Response(
        orjson.dumps(content), status, media_type="application/json", headers=dict(headers)
    )


def error_answer(error: OAuthError) -> Response:
    """The error as RFC 6749 section 5.2 says; the Chinese text is an extra member."""
    headers = dict(NO_STORE)
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(error.seconds)
    if error.status == 401:
        headers["www-authenticate"] = 'Basic realm="oauth", charset="UTF-8"'
    return json_answer(
        {
            "error": error.error,
            "error_description": error.text.en,
            "error_description_zh": error.text.zh,
        },
        error.status,
        headers,
    )


def for_apps(endpoint: Endpoint) -> Endpoint:
    """An endpoint that apps call: refusals become JSON, browsers of any origin may read it."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=ANY_ORIGIN)
        try:
            if request.method == "POST":
                check_rate(request, "oauth")
            response = await endpoint(request)
        except OAuthError as error:
            response = error_answer(error)
        response.headers.update(ANY_ORIGIN)
        return response

    return answer
