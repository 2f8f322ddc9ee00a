"""A FHIR server that is measured: where it answers, what it asks for, whose processor time it uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import orjson
from bundles import Bundle, Place
from http_client import Request, request
from stand import processor, resident

MINIMAL = "Prefer: return=minimal\r\n"
LOOPBACK = {"127.0.0.1", "localhost"}


@dataclass(slots=True)
class Peer:
    """One server in the comparison.

    `token` is sent with every request unless `own_tokens` has one for the patient asked about;
    both are empty for a server that checks nothing. `ids` is where it put each resource.
    """

    name: str
    port: int
    path: str
    server: int
    postgres: int
    token: str = ""
    own_tokens: Mapping[int, str] = field(default_factory=dict)
    ids: dict[Place, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`name=http://127.0.0.1:8081/fhir,PID,PID`: the server's process and PostgreSQL's first.

        Raises `ValueError` for anything else, and for an address that is not this machine's.
        """
        name, given, rest = text.partition("=")
        base, *processes = rest.split(",")
        address = urlsplit(base)
        server, postgres = processes if len(processes) == 2 else ("", "")
        if not (given and server.isdigit() and postgres.isdigit() and address.hostname in LOOPBACK):
            raise ValueError(f"not NAME=http://127.0.0.1:PORT/PATH,PID,PID: {text}")
        path = address.path.rstrip("/")
        return cls(name, address.port or 80, path, int(server), int(postgres))

    def spent(self) -> tuple[float, float]:
        """Seconds of processor that the server and its PostgreSQL have used so far."""
        return processor(self.server), processor(self.postgres)

    def memory(self) -> dict[str, int]:
        """Megabytes that the server's and PostgreSQL's processes hold, what they share counted once."""
        return {
            "server_mb": resident(self.server),
            "postgresql_mb": resident(self.postgres),
        }

    def request(self, method: str, path: str, body: bytes = b"", *, bundle: int = -1) -> bytes:
        """The bytes of a request; `bundle` says whose record it is about."""
        token = self.own_tokens.get(bundle, self.token)
        more = MINIMAL if body else ""
        return request(token, method, f"{self.path}{path}", body, more=more)

    def transaction(self, number: int, bundle: Bundle) -> Request:
        """Sends a Bundle, and notes from the answer where each of its resources went."""

        def answered(status: int, head: bytes, body: bytes) -> None:
            if status != 200:
                raise RuntimeError(f"{self.name}: transaction {number}: {status} {body[:400]!r}")
            entries = zip(orjson.loads(body)["entry"], bundle.entries, strict=True)
            for entry, (told, resource) in enumerate(entries):
                _, _, place = told["response"]["location"].rpartition(resource["resourceType"])
                self.ids[Place(number, entry)] = place.split("/")[1]

        return Request(self.request("POST", "" if self.path else "/", bundle.body), answered)
