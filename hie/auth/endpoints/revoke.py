"""Giving a token back. https://www.rfc-editor.org/rfc/rfc7009

A refresh token takes its whole family along; an access token ends alone. Tokens that are unknown
or another client's give the same answer and stay as they are.
"""

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import NO_STORE, for_apps
from hie.auth.client_authentication import authenticate_client
from hie.auth.exchange import database_of, settings_of
from hie.auth.failures import OAuthError
from hie.auth.families import revoke_family
from hie.auth.parameters import once, read_form
from hie.auth.secret import digest
from hie.kit.db import Connection

PATH = "/oauth/revoke"

REVOKE = """
UPDATE auth.token SET revoked_at = now()
WHERE hash = %s AND client_id = %s AND revoked_at IS NULL
RETURNING kind, family
"""


async def revoke_token(conn: Connection, token: str, client_id: str) -> None:
    """End this token of this client, and with a refresh token everything beside it."""
    async with conn.transaction():
        cursor = await conn.execute(REVOKE, (digest(token), client_id))
        row = await cursor.fetchone()
        if row is not None and row[0] == "refresh":
            await revoke_family(conn, row[1])


@for_apps
async def revoke(request: Request) -> Response:
    """200 whether the token existed or not, once the client is known."""
    parameters = once(await read_form(request))
    async with database_of(request).connection() as conn:
        client = await authenticate_client(
            conn, request, parameters, settings_of(request).public_base_url + PATH
        )
        if "token" not in parameters:
            raise OAuthError(
                "invalid_request", "The parameter token is missing.", "缺少参数 token。"
            )
        await revoke_token(conn, parameters["token"], client.id)
    return Response(headers=NO_STORE)
