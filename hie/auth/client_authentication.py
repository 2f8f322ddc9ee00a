"""Who calls the token endpoint: a public client, one with a secret, or one that signs.

https://www.rfc-editor.org/rfc/rfc6749#section-2.3 — exactly one method is used in a request.
"""

import base64
from collections.abc import Mapping
from urllib.parse import unquote_plus

from starlette.requests import Request

from hie.auth.assertions import authenticate_by_assertion, invalid_client
from hie.auth.clients import Client, find_client
from hie.auth.exchange import settings_of
from hie.auth.failures import OAuthError
from hie.auth.secret import digest, same
from hie.kit.db import Connection

REFRESHER = "SELECT client_id FROM auth.token WHERE hash = %s AND kind = 'refresh'"


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("Only the Basic scheme is known here.", "此处只支持 Basic 认证。")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError as error:  # neither ASCII, nor base64, nor UTF-8
        raise invalid_client(
            "The Authorization header is malformed.", "Authorization 头有误。"
        ) from error
    name, _, secret = text.partition(":")
    return unquote_plus(name), unquote_plus(secret)


async def _by_secret(conn: Connection, client_id: str, secret: str) -> Client:
    client = await find_client(conn, client_id)
    kept = client.secret_hash if client is not None else None
    right = same(secret, kept or bytes(32))
    if client is None or client.kind != "symmetric" or kept is None or not right:
        raise invalid_client("Unknown client or wrong secret.", "客户端不存在或密钥不正确。")
    return client


async def _refresher(conn: Connection, parameters: Mapping[str, str]) -> str:
    """The client to which the refresh token was given.

    SMART's refresh request names no client, and its own library sends none. A public client's id is
    no secret, so nothing is lost: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#request-6
    """
    if parameters.get("grant_type") != "refresh_token":
        return ""
    cursor = await conn.execute(REFRESHER, (digest(parameters.get("refresh_token", "")),))
    row = await cursor.fetchone()
    return "" if row is None else str(row[0])


async def authenticate_client(
    conn: Connection, request: Request, parameters: Mapping[str, str], audience: str
) -> Client:
    """The client that makes this request.

    `audience` is the address that an assertion has to name; its issuer's name will do, too:
    https://datatracker.ietf.org/doc/draft-ietf-oauth-rfc7523bis/

    Raises `OAuthError`: invalid_client if the proof fails, invalid_request for two proofs at once.
    """
    header = request.headers.get("authorization")
    assertion = parameters.get("client_assertion")
    posted = parameters.get("client_secret")
    if sum(proof is not None for proof in (header, assertion, posted)) > 1:
        raise OAuthError(
            "invalid_request",
            "Use one method of client authentication.",
            "一次只能使用一种客户端认证方式。",
        )
    named = parameters.get("client_id")
    if assertion is not None:
        client = await authenticate_by_assertion(
            conn,
            assertion,
            parameters.get("client_assertion_type"),
            (audience, settings_of(request).public_base_url),
        )
    elif header is not None:
        client = await _by_secret(conn, *_basic(header))
    elif posted is not None:
        client = await _by_secret(conn, named or "", posted)
    else:
        found = await find_client(conn, named or await _refresher(conn, parameters))
        if found is None or found.kind != "public":
            raise invalid_client("Client authentication is missing.", "缺少客户端认证。")
        client = found
    if named is not None and named != client.id:
        raise invalid_client("client_id is another client's.", "client_id 与认证的客户端不符。")
    return client
