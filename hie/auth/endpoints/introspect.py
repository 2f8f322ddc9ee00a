"""Asking about a token. https://www.rfc-editor.org/rfc/rfc7662 and
https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html

A client may ask about its own tokens; an institution's backend, which may have resources of its own
to protect, about any access token that it was shown. A backend authenticates as at the token endpoint,
or by its own access token. Everything else is not active.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg.rows import DictRow, dict_row
from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.client_authentication import authenticate_client
from hie.auth.exchange import database_of, settings_of
from hie.auth.failures import OAuthError
from hie.auth.parameters import once, read_form
from hie.auth.presented import grant_of
from hie.auth.secret import digest
from hie.auth.tokens import confirmation, token_type
from hie.kit.db import Connection
from hie.kit.proxies import CERTIFICATE
from hie.settings import Settings

PATH = "/oauth/introspect"

SELECT = """
SELECT t.kind, t.client_id, f.context, coalesce(t.patient, f.patient) AS patient, t.scopes, t.key_thumbprint,
    coalesce(t.fhir_user, f.fhir_user) AS fhir_user, a.subject,
    extract(epoch FROM t.issued_at)::bigint AS issued_at,
    extract(epoch FROM t.expires_at)::bigint AS expires_at
FROM auth.token t
LEFT JOIN auth.family f ON f.id = t.family
LEFT JOIN auth.account a ON a.login = f.account
WHERE t.hash = %s AND t.revoked_at IS NULL AND t.used_at IS NULL AND t.expires_at > now()
"""

INACTIVE = {"active": False}


def _description(row: DictRow, settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = {
        "active": True,
        "iss": settings.public_base_url,
        "aud": settings.fhir_base,
        "client_id": row["client_id"],
        "scope": row["scopes"],
        "iat": row["issued_at"],
        "exp": row["expires_at"],
        **(row["context"] or {}),
    }
    if row["kind"] == "access":
        described["token_type"] = token_type(row["key_thumbprint"])
    if row["key_thumbprint"]:
        described["cnf"] = confirmation(row["key_thumbprint"])
    if row["subject"]:
        described["sub"] = str(row["subject"])
    if row["patient"]:
        described["patient"] = row["patient"]
    if row["fhir_user"] and "fhirUser" in row["scopes"].split():
        described["fhirUser"] = f"{settings.fhir_base}/{row['fhir_user']}"
    return described


class Asking(NamedTuple):
    """Who asks, and whether about tokens of others, too."""

    client_id: str
    others: bool


async def _backend(request: Request) -> Asking | None:
    """The backend whose access token this is; None without one. Raises `OAuthError` invalid_client."""
    authorization = request.headers.get("authorization", "")
    if authorization.partition(" ")[0].lower() not in ("bearer", "dpop"):
        return None
    grant = await grant_of(
        database_of(request),
        authorization=authorization,
        proofs=request.headers.getlist("dpop"),
        method=request.method,
        address=settings_of(request).public_base_url + PATH,
        certificate=request.scope.get(CERTIFICATE),
    )
    if grant is None or grant.kind != "institution":
        raise OAuthError(
            "invalid_client",
            "Ask with the access token of an institution's backend.",
            "请使用机构后台服务的访问令牌。",
            401,
        )
    return Asking(grant.client_id, True)


async def _client(conn: Connection, request: Request, parameters: Mapping[str, str]) -> Asking:
    """The confidential client that asks. Raises `OAuthError` invalid_client."""
    audience = settings_of(request).public_base_url + PATH
    client = await authenticate_client(conn, request, parameters, audience)
    if client.kind == "public":
        raise OAuthError(
            "invalid_client", "Public clients may not ask.", "公共客户端不得查询令牌。", 401
        )
    return Asking(client.id, "client_credentials" in client.grant_types)


async def describe_token(
    conn: Connection, token: str, asking: Asking, settings: Settings
) -> dict[str, Any]:
    """What whoever asks may know about the token."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SELECT, (digest(token),))
        row = await cursor.fetchone()
    if row is None:
        return INACTIVE
    others = row["kind"] == "access" and asking.others
    if row["client_id"] != asking.client_id and not others:
        return INACTIVE
    return _description(row, settings)


@for_apps
async def introspect(request: Request) -> Response:
    """For confidential clients, and for backends by their token."""
    parameters = once(await read_form(request))
    settings = settings_of(request)
    backend = await _backend(request)  # before a connection is held: it takes one of its own
    async with database_of(request).connection() as conn:
        asking = backend or await _client(conn, request, parameters)
        if "token" not in parameters:
            raise OAuthError(
                "invalid_request", "The parameter token is missing.", "缺少参数 token。"
            )
        return json_answer(await describe_token(conn, parameters["token"], asking, settings))
