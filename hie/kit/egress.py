"""Calls to addresses that somebody else has chosen: guarded, small, quick, without redirects.

The host's address is looked at first and then called as it is, so that a name which resolves
differently a moment later leads nowhere.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import httpx

SECONDS_TO_ANSWER = 5.0
LARGEST_ANSWER = 64 * 1024


class Unreachable(Exception):  # noqa: N818 - a state of the other side
    """The address may not be called, or gives no usable answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def allowed(address: str, *, trusted: bool) -> bool:
    """Whether an IP address may be called; if an operator did not choose it, only a public one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    if not trusted:
        return bool(mapped.is_global) and not mapped.is_multicast
    # Hospitals live in private networks, so those are allowed; cloud metadata (link-local) is not.
    return not (mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)


def web_address(uri: str) -> SplitResult:
    """The parts of a web address with a host and no user. Raises `Unreachable`."""
    try:
        parts = urlsplit(uri)
        served = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise Unreachable("the address cannot be read") from error
    if not served or parts.username:
        raise Unreachable("the address is not an https address")
    return parts


async def resolve(host: str, port: int, *, loopback_only: bool, trusted: bool) -> str:
    """The address to call. Raises `Unreachable` if one that the name stands for may not be called."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be the name of a host
        raise Unreachable("the host is unknown") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(allowed(one, trusted=trusted) for one in addresses):
        raise Unreachable("the host's address may not be called")
    if loopback_only and not all(ipaddress.ip_address(one).is_loopback for one in addresses):
        raise Unreachable("plain http is for addresses of this machine")
    return addresses[0]


async def call(
    method: Literal["GET", "POST"],
    uri: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    trusted: bool,
) -> Answer:
    """One request. `trusted`: an operator chose the address, so it may lie in a private network.

    Raises `Unreachable`. Plain http is for loopback only, and that for trusted addresses.
    """
    parts = web_address(uri)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = await resolve(host, port, loopback_only=parts.scheme == "http", trusted=trusted)
    body = bytearray()
    try:
        async with (
            asyncio.timeout(SECONDS_TO_ANSWER),
            httpx.AsyncClient(trust_env=False, follow_redirects=False) as http,
            http.stream(
                method,
                httpx.URL(uri).copy_with(host=address),
                headers={**headers, "host": parts.netloc},
                content=content,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise Unreachable("the answer is too large")
            return Answer(response.status_code, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise Unreachable("there is no answer") from error
