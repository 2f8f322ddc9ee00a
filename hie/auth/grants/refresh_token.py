"""Refresh tokens rotate: each works once, and its second use ends the family.

https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from hie.auth import scopes as scope_algebra
from hie.auth.accounts import find_account
from hie.auth.clients import Client
from hie.auth.failures import OAuthError
from hie.auth.families import bind_family, lock_family, revoke_stolen
from hie.auth.grants.authorization_code import invalid_grant
from hie.auth.grants.response import token_response
from hie.auth.scopes import ScopeSet, UnknownScope
from hie.auth.secret import digest
from hie.auth.sessions import must_enrol
from hie.auth.staff_apps import check_tokens
from hie.kit.db import Connection
from hie.settings import Settings

LOCK = """
SELECT hash, family, client_id, scopes, used_at IS NOT NULL AS used,
       revoked_at IS NOT NULL OR expires_at <= now() AS over
FROM auth.token WHERE hash = %s AND kind = 'refresh' FOR UPDATE
"""

USE = "UPDATE auth.token SET used_at = now() WHERE hash = %s"

SESSION_IN_FORCE = "SELECT 1 FROM auth.session WHERE hash = %s AND expires_at > now()"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token, locked."""

    hash: bytes
    family: UUID
    client_id: str
    scopes: str
    used: bool
    over: bool


async def _lock(conn: Connection, token: str) -> RefreshToken | None:
    async with conn.cursor(row_factory=class_row(RefreshToken)) as cursor:
        await cursor.execute(LOCK, (digest(token),))
        return await cursor.fetchone()


def _narrowed(asked: str | None, held: ScopeSet) -> ScopeSet:
    if asked is None:
        return held
    try:
        wanted = scope_algebra.parse(asked)
    except UnknownScope:
        wanted = None
    if wanted is None or not scope_algebra.covers(held, wanted):
        raise OAuthError(
            "invalid_scope", "More was asked for than was granted.", "请求的权限超出已授予的范围。"
        )
    return wanted


async def _refresh(
    conn: Connection,
    client: Client,
    parameters: Mapping[str, str],
    settings: Settings,
    key_thumbprint: str | None,
) -> dict[str, Any] | None:
    token = await _lock(conn, parameters.get("refresh_token", ""))
    if token is None or token.client_id != client.id:
        return None
    if token.used:
        await revoke_stolen(conn, token.family)
        return None
    family = None if token.over else await lock_family(conn, token.family)
    account = None if family is None else await find_account(conn, family.account)
    if family is None or account is None or must_enrol(settings, account):
        return None
    if family.session is not None:
        cursor = await conn.execute(SESSION_IN_FORCE, (family.session,))
        if await cursor.fetchone() is None:
            return None
    check_tokens(settings, client, family.holder, key_thumbprint)
    family = await bind_family(conn, family, key_thumbprint)
    if family is None:
        return None
    held = scope_algebra.intersect(scope_algebra.parse(token.scopes), client.allowed)
    scopes = _narrowed(parameters.get("scope"), held)
    await conn.execute(USE, (token.hash,))
    return await token_response(conn, family, scopes, settings, renewable=held)


async def by_refresh_token(
    conn: Connection,
    client: Client,
    parameters: Mapping[str, str],
    settings: Settings,
    key_thumbprint: str | None,
) -> dict[str, Any]:
    """New tokens for a refresh token. Raises `OAuthError` invalid_grant or invalid_scope.

    What the client is not registered for any more, and what a disabled account had, is not renewed;
    nor is what staff has that must set up a second factor first.
    """
    async with conn.transaction():
        answer = await _refresh(conn, client, parameters, settings, key_thumbprint)
    if answer is None:  # raised after the commit: a revocation must not be rolled back
        raise invalid_grant()
    return answer
