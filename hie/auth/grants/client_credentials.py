"""Backend services: an institution's own system, no person. Tokens live five minutes.

https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

from collections.abc import Mapping
from typing import Any

from hie.auth import scopes as scope_algebra
from hie.auth.clients import Client
from hie.auth.failures import OAuthError
from hie.auth.scopes import UnknownScope
from hie.auth.tokens import BACKEND_SECONDS, insert_token, token_type
from hie.kit.db import Connection


async def by_client_credentials(
    conn: Connection, client: Client, parameters: Mapping[str, str], key_thumbprint: str | None
) -> dict[str, Any]:
    """A token with the `system/` scopes that were asked for and the client is registered for."""
    if "scope" not in parameters:
        raise OAuthError("invalid_scope", "The parameter scope is missing.", "缺少参数 scope。")
    try:
        asked = scope_algebra.parse(parameters["scope"])
    except UnknownScope as error:
        raise OAuthError(
            "invalid_scope", f"Unknown scope: {error.scope[:100]!a}", "请求了未知的权限范围。"
        ) from error
    asked = scope_algebra.in_contexts(asked, ("system",))._replace(special=frozenset())
    granted = scope_algebra.intersect(asked, client.allowed)
    if not granted.resources:
        raise OAuthError(
            "invalid_scope",
            "The client is not registered for any of these scopes.",
            "该客户端未登记所请求的任何权限范围。",
        )
    token = await insert_token(
        conn,
        kind="access",
        client_id=client.id,
        holder="institution",
        scopes=granted,
        seconds=BACKEND_SECONDS,
        institution=client.institution,
        key_thumbprint=key_thumbprint,
    )
    return {
        "access_token": token,
        "token_type": token_type(key_thumbprint),
        "expires_in": BACKEND_SECONDS,
        "scope": scope_algebra.format(granted),
    }
