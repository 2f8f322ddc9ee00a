"""What a proxy in front says about the other side: its address, and the certificate it showed.

Believed from named proxies only; from anybody else these headers are what the sender made up.
https://www.rfc-editor.org/rfc/rfc7239#section-8.1 and https://www.rfc-editor.org/rfc/rfc9440
"""

import binascii
import ipaddress
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from starlette.types import ASGIApp, Receive, Scope, Send

CERTIFICATE = "hie.certificate"
"""Where the scope holds the thumbprint of the sender's certificate, with this prefix before it."""
PREFIX = "x5t#S256:"
"""https://www.rfc-editor.org/rfc/rfc8705#section-3.1: tells it from the thumbprint of a key."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(text: str | None) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises `ValueError`."""
    return tuple(
        ipaddress.ip_network(one.strip()) for one in (text or "").split(",") if one.strip()
    )


def thumbprint(header: bytes) -> str | None:
    """Of the certificate in a `Client-Cert` header: a byte sequence of structured fields."""
    value = header.strip()
    if len(value) < 3 or value[:1] != b":" or value[-1:] != b":":
        return None
    try:
        certificate = b64decode(value[1:-1], validate=True)
    except binascii.Error:
        return None
    return PREFIX + urlsafe_b64encode(sha256(certificate).digest()).rstrip(b"=").decode()


class TrustedProxies:
    """Puts what trusted proxies say into the scope."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)

    def _origin(self, peer: str, forwarded: str) -> str:
        """The last address that no trusted proxy has: those before it may be made up."""
        for address in [one.strip() for one in reversed(forwarded.split(","))]:
            if not address:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the sender's own address and certificate if a trusted proxy tells them."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._is_trusted(client[0]):
            headers: dict[bytes, list[bytes]] = {}
            for name, value in scope["headers"]:
                headers.setdefault(name, []).append(value)
            forwarded = b",".join(headers.get(b"x-forwarded-for", [])).decode("ascii", "replace")
            scope["client"] = (self._origin(client[0], forwarded), client[1])
            certificates = headers.get(b"client-cert", [])
            if len(certificates) == 1:
                scope[CERTIFICATE] = thumbprint(certificates[0])
        await self._app(scope, receive, send)
