"""Discovery: what this authorization server can do, and nothing that it cannot.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
The same document serves https://www.rfc-editor.org/rfc/rfc8414 and OpenID Connect Discovery.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from hie.auth.endpoints import (
    account,
    authorize,
    brands,
    introspect,
    jwks,
    push,
    register,
    revoke,
    token,
)
from hie.auth.endpoints.login import LOGOUT_PATH
from hie.auth.exchange import settings_of
from hie.auth.jwks import SIGNING_ALGORITHMS
from hie.auth.keys import ALGORITHM
from hie.auth.scopes import SPECIAL_SCOPES
from hie.settings import Settings

PATHS = (
    "/.well-known/smart-configuration",
    "/fhir/.well-known/smart-configuration",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)

APP_STATE = "smart-app-state"
APP_STATE_PATH = "/fhir/app-state"
"""The FHIR base of what apps keep for themselves, which is no part of the records."""

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-patient",
    "permission-user",
    "permission-offline",
    "permission-online",
    "permission-v1",
    "permission-v2",
    APP_STATE,
)

AUTHENTICATION_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")


def document(settings: Settings) -> dict[str, Any]:
    """The discovery document of this exchange."""
    base = settings.public_base_url
    return {
        "issuer": base,
        "authorization_endpoint": base + authorize.PATH,
        "token_endpoint": base + token.PATH,
        "introspection_endpoint": base + introspect.PATH,
        "pushed_authorization_request_endpoint": base + push.PATH,
        "require_pushed_authorization_requests": False,
        "tls_client_certificate_bound_access_tokens": settings.trusted_proxies is not None,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "registration_endpoint": base + register.PATH,
        "revocation_endpoint": base + revoke.PATH,
        "end_session_endpoint": base + LOGOUT_PATH,
        "management_endpoint": base + account.PATH,
        "jwks_uri": base + jwks.PATH,
        "grant_types_supported": list(token.GRANT_TYPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*AUTHENTICATION_METHODS, "none"],
        "introspection_endpoint_auth_methods_supported": list(AUTHENTICATION_METHODS),
        "revocation_endpoint_auth_methods_supported": [*AUTHENTICATION_METHODS, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser"],
        "ui_locales_supported": ["zh-CN", "en"],
        "scopes_supported": [
            *sorted(SPECIAL_SCOPES),
            "patient/*.cruds",
            "user/*.cruds",
            "system/*.cruds",
        ],
        "capabilities": list(CAPABILITIES),
        "associated_endpoints": [{"url": base + APP_STATE_PATH, "capabilities": [APP_STATE]}],
        "user_access_brand_bundle": base + brands.PATH,
        "user_access_brand_identifier": brands.primary_identifier(base),
    }


@for_apps
async def smart_configuration(request: Request) -> Response:
    """The document, for anybody."""
    return json_answer(
        document(settings_of(request)), headers={"cache-control": "public, max-age=300"}
    )
