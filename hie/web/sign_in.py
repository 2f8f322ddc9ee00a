"""Signing in: SMART standalone launch with PKCE, state, nonce and a verified id token.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html and
https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import compare_digest, token_urlsafe
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import Response

from hie.auth.tokens import introspect
from hie.kit.clock import now
from hie.records.exchange import Exchange
from hie.web import session
from hie.web.fhir_client import Refused, oauth_client
from hie.web.local_path import local_path
from hie.web.page import redirect, render
from hie.web.portal import Portal

TIME_TO_SIGN_IN = timedelta(minutes=15)
ID_TOKEN_ALGORITHMS = ["RS256", "RS384", "ES256", "ES384"]
CONFIGURATION = "/fhir/.well-known/smart-configuration"

Endpoint = Callable[[Request], Awaitable[Response]]


class SignInFailed(Exception):  # noqa: N818 - shown to the reader, with a way to try again
    """The authorization server's answer cannot be trusted or grants nothing."""


def set_cookie(request: Request, response: Response, name: str, value: str, path: str) -> None:
    """A cookie for this browser session that scripts cannot read and other sites cannot send."""
    secure = _exchange(request).settings.public_base_url.startswith("https:")
    response.set_cookie(name, value, path=path, httponly=True, samesite="lax", secure=secure)


def _exchange(request: Request) -> Exchange:
    exchange: Exchange = request.app.state.exchange
    return exchange


def _login_cookie(portal: Portal) -> str:
    return f"{portal.cookie}-sign-in"


async def _get(client: AsyncOAuth2Client, address: str) -> dict[str, Any]:
    response = await client.request("GET", address, withhold_token=True)
    if response.status_code != 200:
        raise Refused(response.status_code, None)
    content: dict[str, Any] = response.json()
    return content


def _manner(portal: Portal, launch: str) -> dict[str, str]:
    """A launch context was made for who is signed in already; all others give their password.

    On a shared computer the next person must not inherit a session.
    """
    if launch:
        return {"launch": launch, "scope": portal.scopes.replace(" launch/patient", "")}
    return {"prompt": "login", "scope": portal.scopes.replace(" launch ", " ")}


def begin(portal: Portal) -> Endpoint:
    """The endpoint that sends the browser to the authorization server."""

    async def endpoint(request: Request) -> Response:
        exchange = _exchange(request)
        place = local_path(request.query_params.get("to", ""), portal.home) or portal.home
        kept = {
            "state": token_urlsafe(32),
            "nonce": token_urlsafe(32),
            "verifier": token_urlsafe(48),
            "to": place,
        }
        async with oauth_client(request, portal) as client:
            configuration = await _get(client, CONFIGURATION)
            address, _ = client.create_authorization_url(
                configuration["authorization_endpoint"],
                state=kept["state"],
                code_verifier=kept["verifier"],
                nonce=kept["nonce"],
                aud=exchange.settings.fhir_base,
                **_manner(portal, request.query_params.get("launch", "")),
            )
        async with exchange.store.database.connection() as connection:
            opened = await session.begin(
                connection, f"{portal.name}:signing-in", kept, now() + TIME_TO_SIGN_IN
            )
        response = redirect(address)
        set_cookie(request, response, _login_cookie(portal), opened.cookie, portal.home)
        return response

    return endpoint


async def _claims(
    client: AsyncOAuth2Client, configuration: dict[str, Any], id_token: str, nonce: str
) -> dict[str, Any]:
    keys = KeySet.import_key_set(await _get(client, configuration["jwks_uri"]))  # type: ignore[arg-type]
    token = jwt.decode(id_token, keys, algorithms=ID_TOKEN_ALGORITHMS)
    jwt.JWTClaimsRegistry(
        leeway=30,
        iss={"essential": True, "value": configuration["issuer"]},
        aud={"essential": True, "value": client.client_id},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        sub={"essential": True},
    ).validate(token.claims)
    return token.claims


async def _redeem(request: Request, portal: Portal, kept: dict[str, Any]) -> dict[str, Any]:
    """Exchange the code of the redirect for a token and give the content of the new session."""
    async with oauth_client(request, portal) as client:
        configuration = await _get(client, CONFIGURATION)
        issuer = request.query_params.get("iss", configuration["issuer"])
        if issuer != configuration["issuer"]:
            raise SignInFailed("another issuer")  # RFC 9207
        token = await client.fetch_token(
            configuration["token_endpoint"],
            grant_type="authorization_code",
            code=request.query_params["code"],
            code_verifier=kept["verifier"],
            redirect_uri=portal.redirect_uri(_exchange(request).settings.public_base_url),
        )
        claims = await _claims(client, configuration, token["id_token"], kept["nonce"])
    if portal.role is not None:
        database = _exchange(request).store.database
        grant = await introspect(database, token["access_token"])
        if grant is None or portal.role not in grant.roles:
            raise SignInFailed(f"not for this account: {portal.role}")
    if portal.account_kind == "resident" and not token.get("patient"):
        raise SignInFailed("no patient in the launch context")
    return {
        "token": {k: token[k] for k in ("access_token", "token_type", "expires_at")},
        "patient": token.get("patient"),
        "user": claims.get("fhirUser"),
        "name": claims.get("name") or "",
        "openings": {},
        "search": "",
    }


def _same(kept: str, given: str) -> bool:
    return compare_digest(kept.encode(), given.encode())  # of text only ASCII can be compared


def come_back(portal: Portal) -> Endpoint:
    """The endpoint to which the authorization server sends the browser back."""

    async def endpoint(request: Request) -> Response:
        exchange = _exchange(request)
        async with exchange.store.database.connection() as connection:
            cookie = request.cookies.get(_login_cookie(portal), "")
            begun = await session.find(connection, f"{portal.name}:signing-in", cookie)
            state = request.query_params.get("state", "")
            if begun is None or not _same(begun.content["state"], state):
                return render(request, "sign_in_failed.html", {"portal": portal, "reason": ""}, 400)
            await session.end(connection, begun)  # one attempt for each state
        if "code" not in request.query_params:
            reason = request.query_params.get("error", "")
            page = {"portal": portal, "reason": reason}
            return render(request, "sign_in_failed.html", page, 403)
        try:  # without a connection in hand: the endpoints that are asked take their own
            content = await _redeem(request, portal, begun.content)
        except (OAuthError, JoseError, SignInFailed, KeyError) as failure:
            page = {"portal": portal, "reason": str(failure)}
            return render(request, "sign_in_failed.html", page, 403)
        lasts = timedelta(seconds=content["token"]["expires_at"] - now().timestamp())
        async with exchange.store.database.connection() as connection:
            opened = await session.begin(
                connection, f"{portal.name}:signed-in", content, now() + lasts
            )
        response = redirect(begun.content["to"])
        response.delete_cookie(_login_cookie(portal), path=portal.home)
        set_cookie(request, response, portal.cookie, opened.cookie, portal.home)
        return response

    return endpoint


async def revoke(request: Request, portal: Portal, token: dict[str, Any]) -> None:
    """Tell the authorization server that the access token is no longer wanted. RFC 7009"""
    async with oauth_client(request, portal, token) as client:
        configuration = await _get(client, CONFIGURATION)
        if address := configuration.get("revocation_endpoint"):
            await client.revoke_token(  # type: ignore[no-untyped-call]
                address, token=token["access_token"]
            )
