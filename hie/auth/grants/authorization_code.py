"""Exchange of an authorization code for tokens. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3"""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from hie.auth.clients import Client
from hie.auth.codes import Code, lock_code, use_code
from hie.auth.failures import OAuthError
from hie.auth.families import Family, bind_family, lock_family, revoke_stolen
from hie.auth.grants.response import token_response
from hie.auth.staff_apps import check_tokens
from hie.kit.db import Connection
from hie.settings import Settings

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1


def invalid_grant() -> OAuthError:
    """One answer for every fault of a code or refresh token: the caller need not learn which."""
    return OAuthError(
        "invalid_grant",
        "The code or refresh token is not valid for this request.",
        "授权码或刷新令牌对本次请求无效。",
    )


def _challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _fits(code: Code, parameters: Mapping[str, str]) -> bool:
    verifier = parameters.get("code_verifier", "")
    return (
        parameters.get("redirect_uri") == code.redirect_uri
        and _VERIFIER.fullmatch(verifier) is not None
        and secrets.compare_digest(_challenge_of(verifier), code.challenge)
    )


async def _redeem(
    conn: Connection,
    client: Client,
    parameters: Mapping[str, str],
    settings: Settings,
    key_thumbprint: str | None,
) -> tuple[Code, Family] | None:
    """Spend the code, inside the caller's transaction; `None` if it may not be redeemed.

    A code that was used before, or comes with a wrong verifier or redirect address, is in the
    wrong hands: everything that came from it ends. Another client cannot spoil it.
    """
    code = await lock_code(conn, parameters.get("code", ""))
    if code is None or code.client_id != client.id:
        return None
    if code.used or not _fits(code, parameters):
        await revoke_stolen(conn, code.family)
        await use_code(conn, code)
        return None
    await use_code(conn, code)
    family = None if code.expired else await lock_family(conn, code.family)
    if family is not None:  # refused before anything is spent: the code may come again, bound
        check_tokens(settings, client, family.holder, key_thumbprint)
    bound = None if family is None else await bind_family(conn, family, key_thumbprint)
    return None if bound is None else (code, bound)


async def by_authorization_code(
    conn: Connection,
    client: Client,
    parameters: Mapping[str, str],
    settings: Settings,
    key_thumbprint: str | None,
) -> dict[str, Any]:
    """The token response for a code.

    Raises `OAuthError` invalid_grant, or what `hie.auth.staff_apps` finds missing.
    """
    answer = None
    async with conn.transaction():
        redeemed = await _redeem(conn, client, parameters, settings, key_thumbprint)
        if redeemed is not None:
            code, family = redeemed
            answer = await token_response(conn, family, family.granted, settings, nonce=code.nonce)
    if answer is None:  # raised after the commit: a revocation must not be rolled back
        raise invalid_grant()
    return answer
