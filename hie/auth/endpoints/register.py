"""Dynamic registration of apps. https://www.rfc-editor.org/rfc/rfc7591#section-3"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.exchange import database_of
from hie.auth.failures import OAuthError
from hie.auth.parameters import read_body
from hie.auth.registration import register_client

PATH = "/oauth/register"


@for_apps
async def register(request: Request) -> Response:
    """201 with the id (and secret) of an app that can be used once the operator approved it."""
    try:
        metadata = orjson.loads(await read_body(request))
    except orjson.JSONDecodeError as error:
        raise OAuthError(
            "invalid_client_metadata",
            f"The body is no JSON at line {error.lineno}, column {error.colno}: {error.msg}",
            f"请求体第 {error.lineno} 行第 {error.colno} 列不是有效的 JSON。",
        ) from error
    if not isinstance(metadata, dict):
        raise OAuthError(
            "invalid_client_metadata",
            "The body has to be a JSON object.",
            "请求体必须是 JSON 对象。",
        )
    async with database_of(request).connection() as conn:
        return json_answer(await register_client(conn, metadata), 201)
