"""Signed client assertions (private_key_jwt).

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#authenticating-to-the-token-endpoint
"""

import time
from collections.abc import Collection, Mapping
from typing import Any

from hie.auth.clients import Client, find_client
from hie.auth.failures import OAuthError
from hie.auth.jwks import SIGNING_ALGORITHMS, find_key
from hie.auth.remote_keys import keys_of
from hie.auth.replay import first_use
from hie.auth.unverified import header_and_claims, verified
from hie.kit.db import Connection

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE = 300
CLOCK_SKEW = 5
LONGEST_ASSERTION = 8192
_LONGEST_JTI = 256


def invalid_client(en: str, zh: str) -> OAuthError:
    """Client authentication failed."""
    return OAuthError("invalid_client", en, zh, 401)


def _unverified(assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, before anything is trusted: they say whose key to look for."""
    try:
        return header_and_claims(assertion)
    except ValueError as error:
        raise invalid_client("The assertion cannot be read.", "无法读取客户端断言。") from error


def _check_claims(claims: Mapping[str, Any], client: Client, audiences: Collection[str]) -> int:
    """When the assertion expires, if its claims are right."""
    if claims.get("iss") != client.id or claims.get("sub") != client.id:
        raise invalid_client(
            "iss and sub have to be the client id.", "iss 与 sub 必须是客户端标识。"
        )
    named = claims.get("aud")
    if not any(one in audiences for one in (named if isinstance(named, list) else [named])):
        wanted = " / ".join(audiences)
        raise invalid_client(f"aud has to be {wanted}", f"aud 必须是 {wanted}")
    expires, current = claims.get("exp"), time.time()
    if not isinstance(expires, int | float) or isinstance(expires, bool):
        raise invalid_client("exp is missing.", "缺少 exp。")
    if expires <= current:
        raise invalid_client("The assertion has expired.", "客户端断言已过期。")
    if expires > current + LONGEST_LIFE + CLOCK_SKEW:
        raise invalid_client(
            "exp may be at most five minutes in the future.", "exp 不得晚于五分钟之后。"
        )
    for name in ("nbf", "iat"):
        moment = claims.get(name, 0)
        if not isinstance(moment, int | float) or moment > current + CLOCK_SKEW:
            raise invalid_client(f"{name} is in the future.", f"{name} 晚于当前时间。")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise invalid_client("jti is missing.", "缺少 jti。")
    return int(expires)


async def authenticate_by_assertion(
    conn: Connection, assertion: str, assertion_type: str | None, audiences: Collection[str]
) -> Client:
    """The client that signed this assertion for one of the `audiences`. Raises `OAuthError` invalid_client.

    Each assertion works once, whichever worker sees it. The key is the registered one of the
    header's `kid`; keys, addresses or algorithms that the assertion itself brings are not used.
    """
    if assertion_type != ASSERTION_TYPE:
        raise invalid_client(
            f"client_assertion_type has to be {ASSERTION_TYPE}",
            f"client_assertion_type 必须是 {ASSERTION_TYPE}",
        )
    if len(assertion) > LONGEST_ASSERTION:
        raise invalid_client("The assertion is too long.", "客户端断言过长。")
    header, claims = _unverified(assertion)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in SIGNING_ALGORITHMS or not isinstance(kid, str) or "crit" in header:
        raise invalid_client(
            "The assertion has to be signed with RS384 or ES384 and name its kid.",
            "客户端断言必须以 RS384 或 ES384 签名并注明 kid。",
        )
    issuer = claims.get("iss")
    client = await find_client(conn, issuer) if isinstance(issuer, str) else None
    if client is None or client.kind != "asymmetric":
        raise invalid_client("Unknown client.", "未知的客户端。")
    try:
        key = find_key(await keys_of(conn, client, kid), kid, algorithm)
    except ValueError:
        key = None
    if key is None:
        raise invalid_client(
            "No registered key has this kid and algorithm.", "没有与 kid 和算法相符的登记密钥。"
        )
    if not verified(assertion, key, algorithm):
        raise invalid_client("The signature is wrong.", "签名不正确。")
    expires = _check_claims(claims, client, audiences)
    if not await first_use(conn, client.id, claims["jti"], expires):
        raise invalid_client("The assertion was used before.", "客户端断言已被使用过。")
    return client
