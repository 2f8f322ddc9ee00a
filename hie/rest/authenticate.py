"""From a request's bearer token to its caller. https://www.rfc-editor.org/rfc/rfc6750"""

from starlette.requests import Request

from hie.access.caller import Caller
from hie.auth.tokens import introspect
from hie.errors import problem
from hie.kit.ids import new_id
from hie.records.exchange import Exchange


def exchange_of(request: Request) -> Exchange:
    """The exchange that this process serves; for an entry of a transaction, as seen from inside it."""
    exchange: Exchange = request.scope.get("exchange") or request.app.state.exchange
    return exchange


async def authenticate(request: Request) -> Caller:
    """The caller; Problem 401 without a token in the Authorization header that is in force now."""
    known: Caller | None = request.scope.get("caller")
    if known is not None:  # an entry of a Bundle, whose sender has been asked for the token
        return known
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise problem(
            401,
            "login",
            "Send an access token in the Authorization header: 'Bearer …'",
            "请在 Authorization 头中提供访问令牌：“Bearer …”",
        )
    async with exchange_of(request).store.database.connection() as connection:
        grant = await introspect(connection, token.strip())
    if grant is None:
        raise problem(
            401,
            "expired",
            "The access token is unknown, expired or revoked; obtain a new one",
            "访问令牌无效、已过期或已撤销，请重新获取",
        )
    return Caller.from_grant(
        grant,
        network_address=request.client.host if request.client else None,
        request_id=request.headers.get("x-request-id") or new_id(),
    )
