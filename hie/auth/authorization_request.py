"""Reading and checking what an app asks for at the authorization endpoint.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
Until client and redirect address are known to be right, errors are shown to the person and never
sent to the address that was given. https://www.rfc-editor.org/rfc/rfc9700#section-4.11
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hie.auth import scopes as scope_algebra
from hie.auth.clients import Client, find_client
from hie.auth.failures import OAuthError, PageError, RedirectedError
from hie.auth.parameters import Pairs, once
from hie.auth.pushed_requests import find_pushed
from hie.auth.scopes import ScopeSet, UnknownScope
from hie.kit.db import Connection
from hie.settings import Settings

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits, https://www.rfc-editor.org/rfc/rfc7636
_LONGEST_OPAQUE = 2048


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that may be shown to the person."""

    client: Client
    redirect_uri: str
    state: str
    challenge: str
    scopes: ScopeSet
    """What was asked for and the client is registered for."""
    nonce: str | None
    launch: str | None
    prompt: frozenset[str]
    max_age: int | None
    """How many seconds ago the person may have signed in."""
    key_thumbprint: str | None
    """The key that the tokens are to be bound to."""
    pushed: str | None = None
    """The `request_uri` by which the request was pushed beforehand."""


def _required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise OAuthError(
            "invalid_request", f"The parameter {name} is missing.", f"缺少参数 {name}。"
        )
    if len(value) > _LONGEST_OPAQUE:
        raise OAuthError(
            "invalid_request", f"The parameter {name} is too long.", f"参数 {name} 过长。"
        )
    return value


def _check_audience(parameters: Mapping[str, str], fhir_base: str) -> None:
    """The app says which FHIR server it will show the token to: a forged one would be named here."""
    named = [v for name in ("aud", "resource") if (v := parameters.get(name)) is not None]
    if not named or any(value.rstrip("/") != fhir_base for value in named):
        raise OAuthError(
            "invalid_request",
            f"The parameter aud has to be {fhir_base}",
            f"参数 aud 必须是 {fhir_base}",
        )


def _read_scopes(parameters: Mapping[str, str], client: Client) -> ScopeSet:
    try:
        asked = scope_algebra.parse(_required(parameters, "scope"))
    except UnknownScope as error:
        raise OAuthError(
            "invalid_scope", f"Unknown scope: {error.scope[:100]!a}", "请求了未知的权限范围。"
        ) from error
    allowed = scope_algebra.intersect(
        scope_algebra.in_contexts(asked, ("patient", "user")), client.allowed
    )
    if not allowed.resources and not allowed.special & {"openid", "launch", "launch/patient"}:
        raise OAuthError(
            "invalid_scope",
            "The app is not registered for any of these scopes.",
            "该应用未登记所请求的任何权限范围。",
        )
    return allowed


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise OAuthError("invalid_request", "max_age has to be a number.", "max_age 必须是数字。")
    return int(text)


def check_request(
    client: Client, redirect_uri: str, parameters: Mapping[str, str], settings: Settings
) -> AuthorizationRequest:
    """The request, when client and redirect address are known to be right. Raises `OAuthError`."""
    if "request" in parameters:
        raise OAuthError(
            "request_not_supported", "Request objects are not supported.", "不支持 request 参数。"
        )
    if _required(parameters, "response_type") != "code":
        raise OAuthError(
            "unsupported_response_type",
            "response_type has to be code.",
            "response_type 必须是 code。",
        )
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError(
            "invalid_request", "response_mode has to be query.", "response_mode 必须是 query。"
        )
    if "authorization_code" not in client.grant_types:
        raise OAuthError(
            "unauthorized_client",
            "The client may not use the authorization code flow.",
            "该客户端不得使用授权码流程。",
        )
    challenge = _required(parameters, "code_challenge")
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError(
            "invalid_request",
            "PKCE with code_challenge_method=S256 is required.",
            "必须使用 PKCE，且 code_challenge_method=S256。",
        )
    state = _required(parameters, "state")
    _check_audience(parameters, settings.fhir_base)
    scopes = _read_scopes(parameters, client)
    launch = parameters.get("launch")
    if ("launch" in scopes.special) != (launch is not None):
        raise OAuthError(
            "invalid_request",
            "The scope launch and the parameter launch belong together.",
            "权限范围 launch 与参数 launch 必须同时出现。",
        )
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        state=state,
        challenge=challenge,
        scopes=scopes,
        nonce=_required(parameters, "nonce") if "nonce" in parameters else None,
        launch=launch,
        key_thumbprint=_required(parameters, "dpop_jkt") if "dpop_jkt" in parameters else None,
        prompt=frozenset(parameters.get("prompt", "").split()),
        max_age=_seconds(parameters.get("max_age")),
    )


async def _pushed_parameters(
    conn: Connection, request_uri: str, client: Client
) -> Mapping[str, str]:
    found = await find_pushed(conn, request_uri, client.id)
    if found is None:
        raise PageError(
            400,
            "This request is over. Please go back to the app and start again.",
            "该请求已失效，请返回应用重新开始。",
        )
    return found


async def read_authorization_request(
    conn: Connection, pairs: Pairs, settings: Settings
) -> AuthorizationRequest:
    """The request in these parameters, or the one that was pushed and that they name.

    Raises `PageError` while the redirect address cannot be trusted, `RedirectedError` afterwards.
    """
    try:
        parameters: Mapping[str, str] = once(pairs, repeatable=("lang",))
    except OAuthError as error:
        raise PageError(400, error.text.en, error.text.zh) from error
    client = await find_client(conn, parameters.get("client_id", ""))
    if client is None:
        raise PageError(
            400,
            "The app that sent you here is not registered with this exchange.",
            "将您引导至此的应用未在本平台登记。",
        )
    pushed = parameters.get("request_uri")
    if pushed is not None:
        parameters = await _pushed_parameters(conn, pushed, client)
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None or redirect_uri not in client.redirect_uris:
        raise PageError(
            400,
            "The app asked to send you to an address that is not registered for it.",
            "应用请求返回的地址未经登记，为保护您的信息已停止。",
        )
    try:
        return replace(check_request(client, redirect_uri, parameters, settings), pushed=pushed)
    except OAuthError as error:
        raise RedirectedError(redirect_uri, parameters.get("state"), error) from error
