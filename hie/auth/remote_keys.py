"""Key sets of clients that publish them at an address (`jwks_uri`).

Only an operator registers such an address. Even so the call is guarded: one request without
redirects or proxies, to an address that was looked at first, small and quick. What was found is
kept in the database for all workers, and asked for again when it is old or a key is missing.
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
import ipaddress
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from psycopg.types.json import Jsonb

from hie.auth.clients import Client
from hie.auth.jwks import PRIVATE_MEMBERS
from hie.kit.db import Connection

SECONDS_TO_ANSWER = 5.0
LARGEST_ANSWER = 64 * 1024
MOST_KEYS = 100

# One worker asks at a time, and not more often than every ten seconds for one client.
TAKE_TURN = """
UPDATE auth.client SET jwks_asked_at = now()
WHERE id = %(id)s AND (jwks_asked_at IS NULL OR jwks_asked_at < now() - interval '10 seconds')
  AND (%(missing)s OR jwks_asked_at IS NULL OR jwks_asked_at < now() - interval '5 minutes')
RETURNING id
"""
KEEP = "UPDATE auth.client SET jwks = %s WHERE id = %s AND jwks_uri = %s"

_log = logging.getLogger(__name__)


class Unreachable(Exception):  # noqa: N818 - a state of the other side
    """The address may not be called, or gives no key set."""


def _allowed(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    # Hospitals live in private networks, so those are allowed; cloud metadata (link-local) is not.
    return not (mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)


async def _resolve(host: str, port: int, *, loopback_only: bool) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable("the host is unknown") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(_allowed, addresses)):
        raise Unreachable("the host's address may not be called")
    if loopback_only and not all(ipaddress.ip_address(one).is_loopback for one in addresses):
        raise Unreachable("keys come by https")
    return addresses[0]


async def fetch_keys(uri: str) -> dict[str, Any]:
    """The public keys at the address. Raises `Unreachable`. Plain http is for loopback only."""
    parts = urlsplit(uri)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise Unreachable("the address is not an https address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = await _resolve(parts.hostname, port, loopback_only=parts.scheme == "http")
    pinned = httpx.URL(uri).copy_with(host=address)
    body = bytearray()
    try:
        async with (
            asyncio.timeout(SECONDS_TO_ANSWER),
            httpx.AsyncClient(trust_env=False, follow_redirects=False) as http,
            http.stream(
                "GET",
                pinned,
                headers={"host": parts.netloc, "accept": "application/json"},
                extensions={"sni_hostname": parts.hostname},
            ) as response,
        ):
            if response.status_code != 200:
                raise Unreachable(f"the answer's status is {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise Unreachable("the answer is too large")
        keys = orjson.loads(bytes(body))["keys"]
        usable = [key for key in keys[:MOST_KEYS] if not PRIVATE_MEMBERS & key.keys()]
    except (
        httpx.HTTPError,
        TimeoutError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise Unreachable("the answer is no key set") from error
    return {"keys": usable}


async def keys_of(conn: Connection, client: Client, kid: str) -> dict[str, Any]:
    """The client's key set; one that lives at an address is fetched if it is old or lacks `kid`."""
    known = client.jwks or {"keys": []}
    if client.jwks_uri is None:
        return known
    missing = all(key.get("kid") != kid for key in known["keys"])
    turn = await conn.execute(TAKE_TURN, {"id": client.id, "missing": missing})
    if turn.rowcount != 1:
        return known
    try:
        fetched = await fetch_keys(client.jwks_uri)
    except Unreachable as error:
        _log.warning("Keys of client %s cannot be fetched: %s", client.id, error)
        return known
    await conn.execute(KEEP, (Jsonb(fetched), client.id, client.jwks_uri))
    return fetched
