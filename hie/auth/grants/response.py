"""The successful answer of the token endpoint to an app.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-5
"""

import time
from typing import Any

from hie.auth import scopes as scope_algebra
from hie.auth.accounts import find_account
from hie.auth.families import Family
from hie.auth.keys import sign
from hie.auth.scopes import ScopeSet
from hie.auth.tokens import APP_SECONDS, insert_token, token_type
from hie.kit.db import Connection
from hie.settings import Settings

ID_TOKEN_SECONDS = 300


async def _id_token(
    conn: Connection, family: Family, settings: Settings, nonce: str | None
) -> str | None:
    account = await find_account(conn, family.account)
    if account is None:
        return None
    current = int(time.time())
    claims: dict[str, Any] = {
        "iss": settings.public_base_url,
        "sub": str(account.subject),
        "aud": family.client_id,
        "iat": current,
        "exp": current + ID_TOKEN_SECONDS,
        "auth_time": int(family.signed_in_at.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if family.granted.special & {"fhirUser", "profile"}:
        claims["fhirUser"] = f"{settings.fhir_base}/{family.fhir_user}"
    if "profile" in family.granted.special:
        claims["name"] = account.display_name
    return await sign(conn, settings, claims)


async def token_response(
    conn: Connection,
    family: Family,
    scopes: ScopeSet,
    settings: Settings,
    *,
    nonce: str | None = None,
    renewable: ScopeSet | None = None,
) -> dict[str, Any]:
    """New tokens of this family with these scopes, inside the caller's transaction.

    `renewable` is what the next refresh token stands for, when the app asked for less this time.
    """
    access = await insert_token(
        conn,
        kind="access",
        client_id=family.client_id,
        holder=family.holder,
        scopes=scopes,
        seconds=APP_SECONDS,
        family=family.id,
        account=family.account,
        fhir_user=family.fhir_user,
        institution=family.institution,
        patient=family.patient,
        key_thumbprint=family.key_thumbprint,
    )
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": token_type(family.key_thumbprint),
        "expires_in": APP_SECONDS,
        "scope": scope_algebra.format(scopes),
        **family.context,
    }
    if family.patient is not None:
        answer["patient"] = family.patient
    if family.granted.special & {"offline_access", "online_access"}:
        answer["refresh_token"] = await insert_token(
            conn,
            kind="refresh",
            client_id=family.client_id,
            holder=family.holder,
            scopes=scopes if renewable is None else renewable,
            seconds=family.expires_at.timestamp() - time.time(),
            family=family.id,
            key_thumbprint=family.key_thumbprint,
        )
    if "openid" in family.granted.special:
        id_token = await _id_token(conn, family, settings, nonce)
        if id_token is not None:
            answer["id_token"] = id_token
    return answer
