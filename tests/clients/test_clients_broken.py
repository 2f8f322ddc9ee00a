"""Requests that break off, over a real socket: the sender's failure, and no incident of the exchange.

https://www.rfc-editor.org/rfc/rfc9112#section-8
"""

import socket
from urllib.parse import urlsplit

import pytest
from client_access import Access

BODY = b'{"resourceType":"Basic","code":{"text":"x"}}'
LONGER = b"content-length: 1000\r\n\r\n" + BODY
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


def answered(access: Access, path: str, kind: str, rest: bytes) -> bytes:
    """What comes back when nothing more is sent."""
    place = urlsplit(access.fhir)
    assert place.hostname is not None
    assert place.port is not None
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {place.netloc}\r\nconnection: close\r\n"
        f"authorization: Bearer {access.token}\r\ncontent-type: {kind}\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(head.encode() + rest)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("path", ["/fhir/Basic", "/fhir", "/fhir/Patient/$validate"])
@pytest.mark.parametrize(
    "rest", [LONGER, CHUNKED + b"zz\r\n", CHUNKED + b'5\r\n{"res'], ids=["cut", "no-chunk", "chunk"]
)
def test_a_body_that_breaks_off_is_refused(access: Access, path: str, rest: bytes) -> None:
    answer = answered(access, path, "application/fhir+json", rest)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'"incomplete"' in answer


def test_a_form_that_breaks_off_is_refused(access: Access) -> None:
    kind = "application/x-www-form-urlencoded"
    cut = b"content-length: 1000\r\n\r\ngrant_type=client_credentials"
    answer = answered(access, "/oauth/token", kind, cut)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"invalid_request" in answer
