"""Access tokens: what a bearer may do, and how tokens come about.

Tokens are opaque random text; only their hash is kept, so they end the moment they are revoked and
a copy of the database opens nothing. https://www.rfc-editor.org/rfc/rfc6750
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from hie.auth import scopes as scope_algebra
from hie.auth.scopes import Scope, ScopeSet
from hie.auth.secret import digest, new_secret
from hie.kit.db import Connection, Database, rows_of
from hie.kit.proxies import PREFIX

Holder = Literal["operator", "institution", "resident", "staff"]

APP_SECONDS = 3600
BACKEND_SECONDS = 300
"""https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#issue-access-token"""
OPERATOR_SECONDS = 3600
_SECRET_LENGTH = len(new_secret())

IN_FORCE = """
FROM auth.token
WHERE hash = %(token)s AND kind = 'access' AND revoked_at IS NULL AND expires_at > now()
  AND key_thumbprint IS NOT DISTINCT FROM %(thumbprint)s::text
"""
"""Finds the token if it is worth something now; whoever remembers a grant asks again by it."""

INTROSPECT = f"""
SELECT client_id, holder, fhir_user, account, institution, patient, scopes, roles, expires_at
{IN_FORCE}
"""

INSERT = """
INSERT INTO auth.token (hash, kind, family, client_id, holder, account, fhir_user, institution,
    patient, scopes, roles, key_thumbprint, expires_at)
VALUES (%(hash)s, %(kind)s, %(family)s, %(client_id)s, %(holder)s, %(account)s, %(fhir_user)s,
    %(institution)s, %(patient)s, %(scopes)s,
    coalesce(%(roles)s::text[], (SELECT roles FROM auth.account WHERE login = %(account)s), '{}'),
    %(key_thumbprint)s,
    now() + make_interval(secs => %(seconds)s))
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of an access token was granted."""

    client_id: str
    kind: Holder
    user: str | None
    """fhirUser as a relative reference: `Patient/<golden id>`, `Practitioner/<id>`; backend: None."""
    account: str | None
    """Login name of the person."""
    institution: int | None
    """Number of the institution that a backend client or a member of staff belongs to."""
    patient: str | None
    """Launch patient: the id of the golden Patient."""
    scopes: tuple[Scope, ...]
    """Resource scopes in normal form."""
    roles: frozenset[str]
    """What a member of staff is there for (`hie.auth.roles`)."""
    expires_at: datetime


def token_hash(bearer: str) -> bytes | None:
    """Under what an access token is kept; `None` if the text cannot be one."""
    return digest(bearer) if len(bearer) == _SECRET_LENGTH else None


async def introspect(
    source: Database | Connection, bearer: str, *, thumbprint: str | None = None
) -> Grant | None:
    """The grant behind an access token, in one statement.

    `None` if it is unknown, expired, revoked or not an access token (a refresh token, an id token).
    A token that is bound to a key needs the `thumbprint` of the key that the sender proved to hold
    (`hie.auth.dpop.check_proof`), and one that is not bound must come without.
    """
    hashed = token_hash(bearer)
    if hashed is None:
        return None
    rows = await rows_of(source, INTROSPECT, {"token": hashed, "thumbprint": thumbprint})
    if not rows:
        return None
    client_id, kind, user, account, institution, patient, scopes, roles, expires_at = rows[0]
    resources = scope_algebra.parse(scopes).resources
    return Grant(
        client_id,
        kind,
        user,
        account,
        institution,
        patient,
        resources,
        frozenset(roles),
        expires_at,
    )


def token_type(key_thumbprint: str | None) -> str:
    """How a token is presented; one that is bound to a certificate is an ordinary bearer token."""
    by_key = key_thumbprint is not None and not key_thumbprint.startswith(PREFIX)
    return "DPoP" if by_key else "Bearer"


def confirmation(key_thumbprint: str) -> dict[str, str]:
    """What a token is bound to, as introspection tells it: RFC 9449 section 6, RFC 8705 section 3.2."""
    if key_thumbprint.startswith(PREFIX):
        return {"x5t#S256": key_thumbprint.removeprefix(PREFIX)}
    return {"jkt": key_thumbprint}


async def insert_token(
    conn: Connection,
    *,
    kind: Literal["access", "refresh"],
    client_id: str,
    holder: Holder,
    scopes: ScopeSet,
    seconds: float,
    family: UUID | None = None,
    account: str | None = None,
    fhir_user: str | None = None,
    institution: int | None = None,
    patient: str | None = None,
    key_thumbprint: str | None = None,
    roles: Collection[str] | None = None,
) -> str:
    """Issue one token that lives for `seconds`; gives its text, which is not kept.

    Its roles are those that the account has now, unless others are given.
    """
    token = new_secret()
    await conn.execute(
        INSERT,
        {
            "hash": digest(token),
            "kind": kind,
            "family": family,
            "client_id": client_id,
            "holder": holder,
            "account": account,
            "fhir_user": fhir_user,
            "institution": institution,
            "patient": patient,
            "scopes": scope_algebra.format(scopes),
            "roles": None if roles is None else list(roles),
            "key_thumbprint": key_thumbprint,
            "seconds": seconds,
        },
    )
    return token


async def mint(
    conn: Connection,
    *,
    client_id: str,
    scopes: str,
    seconds: float = OPERATOR_SECONDS,
    holder: Holder = "operator",
    institution: int | None = None,
    fhir_user: str | None = None,
    patient: str | None = None,
    account: str | None = None,
    roles: Collection[str] | None = None,
) -> str:
    """A bearer token without any flow, for an operator on the server's own machine (`hie token`).

    `client_id` is the name under which the audit log shows the use. Raises `UnknownScope`.
    """
    return await insert_token(
        conn,
        kind="access",
        client_id=client_id,
        holder=holder,
        scopes=scope_algebra.parse(scopes),
        seconds=seconds,
        institution=institution,
        fhir_user=fhir_user,
        patient=patient,
        account=account,
        roles=roles,
    )
