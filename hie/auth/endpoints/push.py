"""Pushed authorization requests. https://www.rfc-editor.org/rfc/rfc9126#section-2"""

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.authorization_request import check_request
from hie.auth.client_authentication import authenticate_client
from hie.auth.endpoints.proof import proven_key
from hie.auth.exchange import database_of, settings_of
from hie.auth.failures import OAuthError
from hie.auth.parameters import once, read_form
from hie.auth.pushed_requests import SECONDS, push
from hie.auth.staff_apps import check_pushing

PATH = "/oauth/par"
_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


@for_apps
async def push_request(request: Request) -> Response:
    """201 with the `request_uri` for the authorization endpoint, if the request is in order."""
    settings = settings_of(request)
    parameters = once(await read_form(request))
    async with database_of(request).connection() as conn:
        client = await authenticate_client(
            conn, request, parameters, settings.public_base_url + PATH
        )
        check_pushing(settings, client)
        if "request_uri" in parameters:
            raise OAuthError(
                "invalid_request", "request_uri cannot be pushed.", "不能推送 request_uri。"
            )
        kept = {n: v for n, v in parameters.items() if n not in _CREDENTIALS}
        kept["client_id"] = client.id
        thumbprint = await proven_key(conn, request, settings.public_base_url + PATH)
        if thumbprint is not None and kept.setdefault("dpop_jkt", thumbprint) != thumbprint:
            raise OAuthError(
                "invalid_dpop_proof", "dpop_jkt is another key's.", "dpop_jkt 与证明不符。"
            )
        if kept.get("redirect_uri") not in client.redirect_uris:
            raise OAuthError(
                "invalid_request", "redirect_uri is not registered.", "redirect_uri 未经登记。"
            )
        check_request(client, kept["redirect_uri"], kept, settings)
        return json_answer(
            {"request_uri": await push(conn, client.id, kept), "expires_in": SECONDS}, 201
        )
