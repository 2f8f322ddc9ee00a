"""Apps that register themselves wait for the operator's approval. https://www.rfc-editor.org/rfc/rfc7591

Nothing that the app names is called or shown to people before somebody has looked at it.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import SplitResult, urlsplit

import orjson

from hie.auth import scopes as scope_algebra
from hie.auth.clients import ClientKind, GrantType, create_client
from hie.auth.failures import OAuthError
from hie.auth.scopes import UnknownScope
from hie.auth.secret import new_secret
from hie.kit.db import Connection
from hie.kit.ids import new_id

KIND_OF_METHOD: Mapping[str, ClientKind] = {
    "none": "public",
    "client_secret_basic": "symmetric",
    "client_secret_post": "symmetric",
    "private_key_jwt": "asymmetric",
}
MOST_WAITING = 200
MOST_REDIRECTS = 10
LONGEST_NAME = 100
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")  # RFC 8252 section 7.1

COUNT_WAITING = "SELECT count(*) FROM auth.client WHERE status = 'pending'"


def _invalid(en: str, zh: str, error: str = "invalid_client_metadata") -> OAuthError:
    return OAuthError(error, en, zh)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _parts(uri: object) -> SplitResult:
    """The parts of an address, all empty for what is none."""
    try:
        return urlsplit(uri if isinstance(uri, str) and len(uri) < 2000 else "")
    except ValueError:
        return urlsplit("")


def _redirect_uris(metadata: Mapping[str, Any]) -> list[str]:
    found = metadata.get("redirect_uris")
    if not isinstance(found, list) or not 0 < len(found) <= MOST_REDIRECTS:
        raise _invalid("redirect_uris is missing.", "缺少 redirect_uris。", "invalid_redirect_uri")
    for uri in found:
        parts = _parts(uri)
        secure = parts.scheme == "https" and parts.hostname and not parts.username
        local = parts.scheme == "http" and _is_loopback(parts.hostname)
        native = _PRIVATE_SCHEME.fullmatch(parts.scheme) is not None
        if not (secure or local or native) or "#" in uri or not uri.isprintable() or "*" in uri:
            raise _invalid(
                "Redirect addresses are https, loopback, or of the app's own scheme.",
                "回调地址必须使用 https、本机地址或应用自有协议。",
                "invalid_redirect_uri",
            )
    return [str(uri) for uri in found]


def _scopes(metadata: Mapping[str, Any]) -> str:
    try:
        asked = scope_algebra.parse(str(metadata.get("scope", "")))
    except UnknownScope as error:
        raise _invalid(f"Unknown scope: {error.scope[:100]!a}", "未知的权限范围。") from error
    if not asked.resources or any(scope.context == "system" for scope in asked.resources):
        raise _invalid(
            "scope names what the app asks of people: patient/ or user/ scopes.",
            "scope 须为面向个人的 patient/ 或 user/ 权限范围。",
        )
    return scope_algebra.format(asked)


def _jwks(metadata: Mapping[str, Any]) -> Any:
    """The keys as sent, if the database can hold them; whether they are good `create_client` says."""
    found = metadata.get("jwks")
    try:
        text = orjson.dumps(found)
    except TypeError as error:  # not all that can be read is written again
        raise _invalid("jwks is nested too deeply.", "jwks 嵌套层次过深。") from error
    if b"\\u0000" in text:
        raise _invalid("jwks holds a NUL.", "jwks 中含有空字符。")
    return found


def _grant_types(metadata: Mapping[str, Any]) -> list[GrantType]:
    asked = metadata.get("grant_types", ["authorization_code"])
    allowed = [one for one in get_args(GrantType) if one != "client_credentials"]
    if not isinstance(asked, list) or not set(map(str, asked)) <= set(allowed):
        raise _invalid("grant_types is not supported.", "不支持所列 grant_types。")
    if metadata.get("response_types", ["code"]) != ["code"]:
        raise _invalid("response_types has to be code.", "response_types 必须是 code。")
    return [one for one in allowed if one in asked or one == "authorization_code"]


async def register_client(conn: Connection, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the app as one that waits for approval; gives the response of RFC 7591 section 3.2.1.

    Raises `OAuthError` for metadata that could not be approved anyhow.
    """
    cursor = await conn.execute(COUNT_WAITING)
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST_WAITING:
        raise OAuthError(
            "temporarily_unavailable", "Too many apps are waiting.", "待审批的应用过多。", 503
        )
    method = str(metadata.get("token_endpoint_auth_method", "client_secret_basic"))
    kind = KIND_OF_METHOD.get(method)
    name = metadata.get("client_name")
    if kind is None:
        raise _invalid("This authentication method is not known.", "不支持该客户端认证方式。")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise _invalid("client_name is missing.", "缺少 client_name。")
    if "jwks_uri" in metadata:
        raise _invalid("Send the keys themselves: jwks.", "请直接提交密钥：jwks。")
    redirect_uris, scopes = _redirect_uris(metadata), _scopes(metadata)
    grant_types = _grant_types(metadata)
    client_id, secret = new_id(), new_secret() if kind == "symmetric" else None
    try:
        await create_client(
            conn,
            client_id=client_id,
            name=name,
            kind=kind,
            scopes=scopes,
            secret=secret,
            jwks=_jwks(metadata),
            redirect_uris=redirect_uris,
            grant_types=grant_types,
            status="pending",
        )
    except ValueError as error:
        raise _invalid(f"Refused: {error}", "客户端信息不符合要求。") from error
    answer: dict[str, Any] = {
        "client_id": client_id,
        "client_name": name,
        "redirect_uris": redirect_uris,
        "grant_types": grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "scope": scopes,
    }
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer
