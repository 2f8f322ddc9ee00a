"""The token endpoint. https://www.rfc-editor.org/rfc/rfc6749#section-3.2"""

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.client_authentication import authenticate_client
from hie.auth.endpoints.proof import proven_key
from hie.auth.exchange import database_of, settings_of
from hie.auth.failures import OAuthError
from hie.auth.grants.authorization_code import by_authorization_code
from hie.auth.grants.client_credentials import by_client_credentials
from hie.auth.grants.refresh_token import by_refresh_token
from hie.auth.parameters import once, read_form
from hie.kit.proxies import CERTIFICATE

PATH = "/oauth/token"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")


@for_apps
async def token(request: Request) -> Response:
    """Tokens for a code, a refresh token, or an institution's own signature."""
    if request.url.query:
        raise OAuthError(
            "invalid_request", "Parameters belong into the body.", "参数应放在请求体中。"
        )
    settings = settings_of(request)
    parameters = once(await read_form(request))
    async with database_of(request).connection() as conn:
        client = await authenticate_client(
            conn, request, parameters, settings.public_base_url + PATH
        )
        grant_type = parameters.get("grant_type")
        if grant_type not in GRANT_TYPES:
            raise OAuthError(
                "unsupported_grant_type",
                f"grant_type has to be one of {', '.join(GRANT_TYPES)}",
                f"grant_type 必须是 {', '.join(GRANT_TYPES)} 之一",
            )
        if grant_type not in client.grant_types:
            raise OAuthError(
                "unauthorized_client",
                "The client may not use this grant type.",
                "该客户端不得使用此授权类型。",
            )
        key = await proven_key(conn, request, settings.public_base_url + PATH)
        if key is None and client.kind == "asymmetric":
            # RFC 8705: a certificate that the sender showed to the proxy binds its tokens, too.
            key = request.scope.get(CERTIFICATE)
        if grant_type == "authorization_code":
            answer = await by_authorization_code(conn, client, parameters, settings, key)
        elif grant_type == "refresh_token":
            answer = await by_refresh_token(conn, client, parameters, settings, key)
        else:
            answer = await by_client_credentials(conn, client, parameters, key)
    return json_answer(answer)
