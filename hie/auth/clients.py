"""Registered clients: apps and institutions. https://www.rfc-editor.org/rfc/rfc7591#section-2"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from hie.auth import scopes as scope_algebra
from hie.auth.jwks import check_public_keys
from hie.auth.scopes import ScopeSet
from hie.auth.secret import digest
from hie.kit.db import Connection, Database, rows_of

ClientKind = Literal["public", "symmetric", "asymmetric"]
AccountKind = Literal["resident", "staff"]
GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]

SHORTEST_SECRET = 32
LONGEST_ORIGIN = 255
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]*")

_COLUMNS = """id, name, kind, status, secret_hash, jwks, jwks_uri, redirect_uris, launch_uri, scopes,
    grant_types, account_kinds, institution, trusted"""

SELECT = f"SELECT {_COLUMNS} FROM auth.client WHERE id = %s AND status = 'active'"

UPSERT = f"""
INSERT INTO auth.client ({_COLUMNS})
VALUES (%(id)s, %(name)s, %(kind)s, %(status)s, %(secret_hash)s, %(jwks)s, %(jwks_uri)s,
    %(redirect_uris)s, %(launch_uri)s, %(scopes)s, %(grant_types)s, %(account_kinds)s,
    %(institution)s, %(trusted)s)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, kind = excluded.kind, status = excluded.status,
    secret_hash = excluded.secret_hash, jwks = excluded.jwks, jwks_uri = excluded.jwks_uri,
    jwks_asked_at = NULL,
    redirect_uris = excluded.redirect_uris, launch_uri = excluded.launch_uri,
    scopes = excluded.scopes, grant_types = excluded.grant_types,
    account_kinds = excluded.account_kinds, institution = excluded.institution,
    trusted = excluded.trusted
"""


SELECT_ALL = f"""
SELECT {_COLUMNS} FROM auth.client
WHERE %(status)s::text IS NULL OR status = %(status)s ORDER BY created_at, id
"""

REGISTERED_ORIGIN = """
SELECT EXISTS (
    SELECT FROM auth.client, unnest(redirect_uris) AS place
    WHERE status = 'active'
      AND (place = %(origin)s OR starts_with(place, %(origin)s || '/')))
"""

APPROVE = "UPDATE auth.client SET status = 'active' WHERE id = %s AND status <> 'active'"

DISABLE = """
WITH disabled AS (
    UPDATE auth.client SET status = 'disabled' WHERE id = %(id)s RETURNING id
), families AS (
    UPDATE auth.family SET revoked_at = now()
    WHERE client_id IN (SELECT id FROM disabled) AND revoked_at IS NULL
), tokens AS (
    UPDATE auth.token SET revoked_at = now()
    WHERE client_id IN (SELECT id FROM disabled) AND revoked_at IS NULL
)
SELECT id FROM disabled
"""


@dataclass(frozen=True, slots=True)
class Client:
    """One row of `auth.client`."""

    id: str
    name: str
    kind: ClientKind
    status: str
    secret_hash: bytes | None
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    redirect_uris: list[str]
    launch_uri: str | None
    scopes: str
    grant_types: list[str]
    account_kinds: list[str]
    institution: int | None
    trusted: bool

    @property
    def allowed(self) -> ScopeSet:
        """The scopes that the client was registered for."""
        return scope_algebra.parse(self.scopes)


async def find_client(conn: Connection, client_id: str) -> Client | None:
    """The active client of this id, which may be any text."""
    if "\0" in client_id:  # which PostgreSQL takes for no text
        return None
    async with conn.cursor(row_factory=class_row(Client)) as cursor:
        await cursor.execute(SELECT, (client_id,))
        return await cursor.fetchone()


async def is_registered_origin(source: Database | Connection, origin: str) -> bool:
    """Whether an active app comes from this origin: it is that of one of its redirect addresses."""
    if len(origin) > LONGEST_ORIGIN or _ORIGIN.fullmatch(origin) is None:
        return False
    rows = await rows_of(source, REGISTERED_ORIGIN, {"origin": origin})
    return bool(rows[0][0])


async def clients(conn: Connection, *, status: str | None = None) -> list[Client]:
    """The registered clients, or those of one status, the oldest first."""
    async with conn.cursor(row_factory=class_row(Client)) as cursor:
        await cursor.execute(SELECT_ALL, {"status": status})
        return await cursor.fetchall()


async def approve_client(conn: Connection, client_id: str) -> bool:
    """Let a client that waits or was disabled be used; False if there is none."""
    cursor = await conn.execute(APPROVE, (client_id,))
    return cursor.rowcount == 1


async def disable_client(conn: Connection, client_id: str) -> bool:
    """Refuse the client from now on and end all its tokens; False if it does not exist."""
    cursor = await conn.execute(DISABLE, {"id": client_id})
    return await cursor.fetchone() is not None


def _check_redirect_uri(uri: str) -> None:
    parts = urlsplit(uri)  # ValueError for what is no address
    if not parts.scheme or "#" in uri or any(c.isspace() for c in uri):
        raise ValueError(f"redirect URI has to be absolute and without a fragment: {uri}")
    if _HOST.fullmatch(parts.netloc) is None:  # it becomes part of a content policy
        raise ValueError(f"redirect URI has to name a host in ASCII, and no user: {uri}")
    if parts.scheme in ("javascript", "data", "vbscript", "file"):
        raise ValueError(f"redirect URI of a scheme that runs in the browser: {uri}")


async def create_client(
    conn: Connection,
    *,
    client_id: str,
    name: str,
    kind: ClientKind,
    scopes: str,
    secret: str | None = None,
    jwks: Mapping[str, Any] | None = None,
    jwks_uri: str | None = None,
    redirect_uris: Sequence[str] = (),
    launch_uri: str | None = None,
    grant_types: Collection[GrantType] | None = None,
    account_kinds: Collection[AccountKind] = ("resident", "staff"),
    institution: int | None = None,
    trusted: bool = False,
    status: Literal["active", "pending", "disabled"] = "active",
) -> None:
    """Register a client, or replace the registration of the same id.

    With redirect addresses it is an app (authorization code and refresh); without, a backend
    service (client credentials), which then has to be asymmetric and belongs to an institution.
    `trusted` is for the exchange's own portal: people are not asked to approve it. Raises
    `ValueError` for a registration that would not be safe, `UnknownScope` for an unknown scope.
    """
    allowed = scope_algebra.parse(scopes)
    usual: tuple[GrantType, ...] = ("client_credentials",)
    if redirect_uris:
        usual = ("authorization_code", "refresh_token")
    grants = usual if grant_types is None else grant_types
    for uri in redirect_uris:
        _check_redirect_uri(uri)
    if "authorization_code" in grants and not redirect_uris:
        raise ValueError("an app needs at least one redirect URI")
    if "client_credentials" in grants and (kind != "asymmetric" or institution is None):
        raise ValueError("a backend service signs with its own key and belongs to an institution")
    if (kind == "symmetric") != (secret is not None):
        raise ValueError("a secret belongs to symmetric clients, and to no others")
    if secret is not None and len(secret) < SHORTEST_SECRET:
        raise ValueError(f"a client secret has at least {SHORTEST_SECRET} random characters")
    if (kind == "asymmetric") != (jwks is not None or jwks_uri is not None):
        raise ValueError("a key set belongs to asymmetric clients, and to no others")
    if jwks is not None:
        check_public_keys(jwks)
    await conn.execute(
        UPSERT,
        {
            "id": client_id,
            "name": name,
            "kind": kind,
            "status": status,
            "secret_hash": None if secret is None else digest(secret),
            "jwks": None if jwks is None else Jsonb(cast("dict[str, Any]", jwks)),
            "jwks_uri": jwks_uri,
            "redirect_uris": list(redirect_uris),
            "launch_uri": launch_uri,
            "scopes": scope_algebra.format(allowed),
            "grant_types": list(grants),
            "account_kinds": list(account_kinds),
            "institution": institution,
            "trusted": trusted,
        },
    )
