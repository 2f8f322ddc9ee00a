"""What a socket may bring that no HTTP library would send: the server goes on, and loses nothing.

Garbage, halves of requests, bodies that stop, resets in the middle of answers. Afterwards nobody is
kept waiting, no connection of the pool is lost, and the log tells of no failure of ours.
https://www.rfc-editor.org/rfc/rfc9112#section-11
"""

import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress

import httpx
import psycopg
import pytest
from serving import Served, serving

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
POOL = 2
LINGER_NOT = struct.pack("ii", 1, 0)
BUSY = """
SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
FORMS = ("/oauth/login", "/oauth/login/code", "/oauth/account", "/oauth/logout", "/oauth/token",
         "/oauth/par", "/oauth/register", "/oauth/introspect", "/oauth/revoke",
         "/oauth/authorize?client_id=portal-resident", "/resident/sharing", "/clinician",
         "/fhir/Patient", "/fhir")  # fmt: skip
GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 1000, b"\r\n" * 1000, b"GET",
    b"GET / HTTP/9.9\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"\xff\xfe / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[/ HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000,
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    b"\x0bMSH|^~\\&|HIS\x1c\r",
)  # fmt: skip
IMPOSSIBLE = (
    "Content-Length: -1\r\n", "Content-Length: x\r\n", "Content-Length: 99999999999999999999\r\n",
    "Content-Length: 3\r\nContent-Length: 9\r\n", "Transfer-Encoding: gzip\r\n",
)  # fmt: skip
LENGTHS = (
    *IMPOSSIBLE, "Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\nContent-Length: 50\r\n", "Content-Length: 50\r\n", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def served(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server with few connections to the database: one that is lost is missed at once."""
    directory = tmp_path_factory.mktemp("sockets")
    more = {
        "HIE_POOL_SIZE": str(POOL),
        "HIE_OAUTH_REQUESTS_PER_MINUTE": "100000",
        "HIE_SIGN_INS_PER_MINUTE": "100000",
    }
    with cloned() as conninfo, serving(conninfo, directory, **more) as found:
        yield found


@pytest.fixture(autouse=True)
def unharmed(served: Served) -> Iterator[None]:
    """After each test the server answers, its pool is whole and its log is quiet."""
    _answers(served)
    known = len(served.log.read_text())
    with psycopg.connect(served.conninfo, autocommit=True) as connection:
        before = connection.execute(BUSY).fetchone()
        yield
        _answers(served)
        deadline = time.monotonic() + 20
        while (after := connection.execute(BUSY).fetchone()) and after[0]:  # what is being ended
            assert time.monotonic() < deadline, "a statement or transaction was left open"
            time.sleep(0.02)  # nothing tells when another process is done
    assert before is not None
    assert after is not None
    assert after[1] <= before[1] + POOL
    said = served.log.read_text()[known:]
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said


def _answers(served: Served) -> None:
    """Every surface answers, each with a connection of the pool, in a moment."""
    with httpx.Client(base_url=served.base, timeout=20) as client:
        for _ in range(POOL + 1):
            for path in ("/oauth/login", "/smart/brands", "/oauth/account", "/fhir/metadata"):
                assert client.get(path).status_code == 200, path
            assert client.get("/resident").status_code == 303


def _connect(served: Served) -> socket.socket:
    port = int(served.base.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def _rest(opened: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    found = b""
    with suppress(ConnectionError):
        while data := opened.recv(65536):
            found += data
    return found


def _ask(served: Served, sent: bytes, *, whole: bool = False) -> bytes:
    """What comes back; unless the request is `whole`, nothing follows it."""
    with _connect(served) as opened:
        with suppress(OSError):  # the server may have had enough already
            opened.sendall(sent)
            if not whole:
                opened.shutdown(socket.SHUT_WR)
        return _rest(opened)


def _head(path: str, more: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{FORM}{more}\r\n".encode()


def test_garbage(served: Served) -> None:
    for sent in GARBAGE:
        answer = _ask(served, sent)
        assert not answer.startswith(b"HTTP/1.1 5"), (sent[:80], answer)


def test_wrong_lengths(served: Served) -> None:
    for path in FORMS:
        for length in LENGTHS:
            for body in (b"", b"a=b", b"zz\r\n", b"ffffffffffffffffff\r\na", b"3\r\na=b\r\n"):
                answer = _ask(served, _head(path, length) + body)
                assert not answer.startswith(b"HTTP/1.1 5"), (path, length, body, answer)
        for length in IMPOSSIBLE:
            answer = _ask(served, _head(path, length) + b"a=b", whole=True)
            assert answer.startswith(b"HTTP/1.1 400"), (path, length, answer)


def test_requests_cut_off_at_any_place(served: Served) -> None:
    whole = _head("/oauth/token", "Content-Length: 29\r\n") + b"grant_type=authorization_code"
    for end in range(0, len(whole), 3):
        answer = _ask(served, whole[:end])
        assert not answer.startswith(b"HTTP/1.1 5"), (end, answer)
    assert b"invalid_client" in _ask(served, whole, whole=True)


def test_bodies_that_stop_hold_no_connection_of_the_pool(served: Served) -> None:
    with ExitStack() as stack:
        for path in FORMS * 2:
            opened = stack.enter_context(_connect(served))
            opened.sendall(_head(path, "Content-Length: 1000\r\n") + b"form_token=")
        _answers(served)
        for _ in range(5):
            opened = stack.enter_context(_connect(served))
            opened.sendall(b"GET /oauth/login HTTP/1.1\r\nHost: a\r\nX: ")
        _answers(served)


def test_many_requests_at_once_are_answered_in_order(served: Served) -> None:
    paths = ("/smart/brands", "/nowhere", "/oauth/jwks", "/resident") * 10
    sent = "".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths)
    last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    found = _ask(served, (sent + last).encode(), whole=True)
    codes = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", found)
    assert codes == [b"200", b"404", b"200", b"303"] * 10 + [b"200"]


def test_resets_before_within_and_after_answers(served: Served) -> None:
    for path in ("/fhir/metadata", "/smart/brands", "/oauth/login", "/resident/login", "/"):
        for wanted in (0, 1, 1000):
            for _ in range(4):
                opened = _connect(served)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                opened.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 3)
                if wanted:
                    opened.recv(wanted)
                opened.close()  # with a reset
    for path in FORMS:
        opened = _connect(served)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        opened.sendall(_head(path, "Content-Length: 1000\r\n") + b"a=b")
        opened.close()
