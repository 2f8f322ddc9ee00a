"""From a request's access token to its caller. https://www.rfc-editor.org/rfc/rfc6750 and
https://www.rfc-editor.org/rfc/rfc9449#section-7
"""

from starlette.requests import Request

from hie.access.caller import Caller, Unconfirmed, expired
from hie.auth.presented import grant_of
from hie.errors import problem
from hie.kit.proxies import CERTIFICATE
from hie.records.exchange import Exchange

SCHEMES = ("bearer", "dpop")


def exchange_of(request: Request) -> Exchange:
    """The exchange that this process serves; for an entry of a transaction, as seen from inside it."""
    exchange: Exchange = request.scope["exchange"]
    return exchange


async def authenticate(request: Request) -> Caller:
    """The caller; Problem 401 without a token in the Authorization header that is in force now."""
    known: Caller | None = request.scope.get("caller")
    if known is not None:  # an entry of a Bundle, whose sender has been asked for the token
        _check_rate(exchange_of(request), known)
        return known
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in SCHEMES or not token:
        raise problem(
            401,
            "login",
            "Send an access token in the Authorization header: 'Bearer …' or 'DPoP …'",
            "请在 Authorization 头中提供访问令牌：“Bearer …”或“DPoP …”",
        )
    exchange = exchange_of(request)
    certificate: str | None = request.scope.get(CERTIFICATE)
    grant = await grant_of(
        exchange.store.database,
        authorization=authorization,
        proofs=request.headers.getlist("dpop"),
        method=request.method,
        address=f"{exchange.settings.public_base_url}{_path(request)}",
        certificate=certificate,
    )
    if grant is None:
        raise expired()
    caller = Caller.from_grant(grant, exchange.store.hasher)
    if certificate is None:  # what is bound to a certificate has to be asked with it
        exchange.callers.keep(authorization, caller)
    return _asking(request, exchange, caller)


def recognise(request: Request) -> Unconfirmed | None:
    """Whom the same token stood for before, without a question; None if that is not known.

    Problem 429 as for `authenticate`.
    """
    scope = request.scope
    if "caller" in scope:
        return None
    exchange = exchange_of(request)
    known = exchange.callers.recall(request.headers.get("authorization", ""))
    if known is None:
        return None
    token, caller = known
    _check_rate(exchange, caller)
    peer = scope.get("client")
    return Unconfirmed(caller, token, peer[0] if peer else None, scope["request_id"])


def _check_rate(exchange: Exchange, caller: Caller) -> None:
    """Problem 429 for a client, or a person with an app, that asks too often.

    What a Bundle asks counts like as many requests: it is no way around the limit.
    """
    key = f"{caller.client_id} {caller.account or ''}"
    if exchange.rates.take(key, exchange.settings.client_requests_per_minute):
        raise problem(
            429,
            "throttled",
            "Too many requests; wait a minute",
            "请求过于频繁，请一分钟后再试",
        )


def _asking(request: Request, exchange: Exchange, caller: Caller) -> Caller:
    _check_rate(exchange, caller)
    scope = request.scope
    peer = scope.get("client")
    return caller.asking(peer[0] if peer else None, scope["request_id"])


def _path(request: Request) -> str:
    """The path as it was sent, because that is what a proof of possession names."""
    sent: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return sent.partition(b"?")[0].decode("ascii", "replace")
