"""Families: everything that descends from one approval by a person, ended together.

A code or a refresh token that is used a second time was stolen from somebody, and nobody can tell
who came first; so the whole family is revoked. https://www.rfc-editor.org/rfc/rfc9700#section-4.14
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from hie.auth import scopes as scope_algebra
from hie.auth.scopes import ScopeSet
from hie.auth.sessions import Session
from hie.auth.tokens import Holder
from hie.kit.db import Connection
from hie.kit.ids import new_id

OFFLINE_SECONDS = 180 * 86400
ONLINE_SECONDS = 12 * 3600

INSERT = """
INSERT INTO auth.family (id, client_id, holder, account, fhir_user, institution, patient, scopes,
    context, session, key_thumbprint, signed_in_at, expires_at)
VALUES (%(id)s, %(client_id)s, %(holder)s, %(account)s, %(fhir_user)s, %(institution)s, %(patient)s,
    %(scopes)s, %(context)s, %(session)s, %(key_thumbprint)s, %(signed_in_at)s,
    now() + make_interval(secs => %(seconds)s))
"""

LOCK = """
SELECT id, client_id, holder, account, fhir_user, institution, patient, scopes, context, session,
    key_thumbprint, signed_in_at, expires_at
FROM auth.family WHERE id = %s AND revoked_at IS NULL AND expires_at > now() FOR UPDATE
"""

BIND = "UPDATE auth.family SET key_thumbprint = %s WHERE id = %s"

NOTE_THEFT = """
INSERT INTO auth.occurrence (what, account, client_id, agent)
SELECT 'theft-suspected', account, client_id, '' FROM auth.family
WHERE id = %s AND revoked_at IS NULL
"""

REVOKE = """
WITH family AS (
    UPDATE auth.family SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id
)
UPDATE auth.token SET revoked_at = now()
WHERE family IN (SELECT id FROM family) AND revoked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Family:
    """One approval: who allowed which client what."""

    id: UUID
    client_id: str
    holder: Holder
    account: str
    fhir_user: str
    institution: int | None
    patient: str | None
    scopes: str
    context: dict[str, Any]
    """What the token response says beside the token: `encounter`, `intent`, …"""
    session: bytes | None
    key_thumbprint: str | None
    """The key that all tokens of the family are bound to."""
    signed_in_at: datetime
    expires_at: datetime

    @property
    def granted(self) -> ScopeSet:
        """The scopes as the person approved them."""
        return scope_algebra.parse(self.scopes)


async def begin_family(
    conn: Connection,
    *,
    client_id: str,
    session: Session,
    scopes: ScopeSet,
    patient: str | None,
    context: dict[str, Any],
    key_thumbprint: str | None = None,
) -> UUID:
    """Note the approval that the person of this session has just given."""
    account = session.account
    family = UUID(new_id())
    offline = "offline_access" in scopes.special
    await conn.execute(
        INSERT,
        {
            "id": family,
            "client_id": client_id,
            "holder": account.kind,
            "account": account.login,
            "fhir_user": account.fhir_user,
            "institution": account.institution,
            "patient": patient,
            "scopes": scope_algebra.format(scopes),
            "context": Jsonb(context),
            "session": None if offline else session.hash,
            "key_thumbprint": key_thumbprint,
            "signed_in_at": session.signed_in_at,
            "seconds": OFFLINE_SECONDS if offline else ONLINE_SECONDS,
        },
    )
    return family


async def lock_family(conn: Connection, family: UUID) -> Family | None:
    """The family if it is in force, locked to the end of the transaction against revocation."""
    async with conn.cursor(row_factory=class_row(Family)) as cursor:
        await cursor.execute(LOCK, (family,))
        return await cursor.fetchone()


async def bind_family(
    conn: Connection, family: Family, key_thumbprint: str | None
) -> Family | None:
    """The locked family, bound to the key from now on; `None` if it is bound to another."""
    if family.key_thumbprint == key_thumbprint:
        return family
    if family.key_thumbprint is not None:
        return None
    await conn.execute(BIND, (key_thumbprint, family.id))
    return replace(family, key_thumbprint=key_thumbprint)


async def revoke_family(conn: Connection, family: UUID) -> None:
    """End everything that descends from this approval, from the next request on."""
    await conn.execute(REVOKE, {"id": family})


async def revoke_stolen(conn: Connection, family: UUID) -> None:
    """End the family because a code or token of it was used twice; the person's log tells of it."""
    await conn.execute(NOTE_THEFT, (family,))
    await revoke_family(conn, family)
