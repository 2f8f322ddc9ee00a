"""The ways into the exchange that the institutions of the district use."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

import httpx
import orjson
from joserfc import jwt

from hie.access.caller import Caller
from hie.demo.credentials import ALGORITHM, Credentials
from hie.demo.district import Record
from hie.demo.hl7v2 import CODEC, messages
from hie.demo.institutions import Institution, Resource
from hie.demo.registry import SCOPES, client_id
from hie.kit.ids import new_id
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange

SPARE_SECONDS = 30
AT_ONCE = 4
_START, _END = b"\x0b", b"\x1c\r"


class RefusedError(RuntimeError):
    """The exchange did not take what the generator made: one of the two has a mistake."""


class Channel(Protocol):
    """How an institution sends what it knows about one resident."""

    async def send(self, record: Record) -> None: ...


class Door:
    """Transaction bundles that are already inside: straight to the write door."""

    def __init__(self, exchange: Exchange, number: int, institution: Institution) -> None:
        self.exchange = exchange
        self.caller = Caller.for_institution(number, client_id(institution.code))

    async def put(self, resources: Iterable[Resource]) -> None:
        """All resources in one transaction. Raises `Problem` when one is refused."""
        entries = [
            Entry("PUT", one["resourceType"], one["id"], orjson.dumps(one)) for one in resources
        ]
        await accept(self.exchange, self.caller, entries)

    async def send(self, record: Record) -> None:
        await self.put(record.resources())


class Rest:
    """The FHIR API over HTTP, with a token for a signed assertion (SMART backend services)."""

    def __init__(
        self, address: str, public: str, institution: Institution, keys: Credentials
    ) -> None:
        self.client = httpx.AsyncClient(base_url=address, timeout=60)
        self.audience = f"{public}/oauth/token"
        self.id = client_id(institution.code)
        self.key = keys.key(institution.code)
        self.token = ""
        self.expires = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.aclose()

    async def _bearer(self) -> dict[str, str]:
        if time.monotonic() > self.expires - SPARE_SECONDS:
            claims = {
                "iss": self.id,
                "sub": self.id,
                "aud": self.audience,
                "exp": int(time.time()) + 120,
                "jti": new_id(),
            }
            header = {"alg": ALGORITHM, "kid": self.key.thumbprint()}
            form = {
                "grant_type": "client_credentials",
                "scope": SCOPES,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": jwt.encode(header, claims, self.key, algorithms=[ALGORITHM]),
            }
            response = await self.client.post("/oauth/token", data=form)
            if response.status_code != 200:
                raise RefusedError(f"no token for {self.id}: {response.text}")
            answer = response.json()
            self.token = answer["access_token"]
            self.expires = time.monotonic() + answer["expires_in"]
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}

    async def request(self, method: str, path: str, body: Resource) -> None:
        response = await self.client.request(
            method, f"/fhir{path}", content=orjson.dumps(body), headers=await self._bearer()
        )
        if not response.is_success:
            raise RefusedError(f"{method} {path}: {response.status_code} {response.text}")

    async def put(self, resources: Iterable[Resource]) -> None:
        """Each resource with a request of its own, a few at the same time."""
        places = asyncio.Semaphore(AT_ONCE)

        async def put(one: Resource) -> None:
            async with places:
                await self.request("PUT", f"/{one['resourceType']}/{one['id']}", one)

        await self._bearer()  # one token for all of them
        async with asyncio.TaskGroup() as tasks:
            for one in resources:
                tasks.create_task(put(one))

    async def send(self, record: Record) -> None:
        await self.put(record.resources())


class Transactions(Rest):
    """The FHIR API over HTTP, a transaction for each resident."""

    async def put(self, resources: Iterable[Resource]) -> None:
        entries = []
        for one in resources:
            path = f"{one['resourceType']}/{one['id']}"
            entries.append({"resource": one, "request": {"method": "PUT", "url": path}})
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await self.request("POST", "", bundle)


class Mllp:
    """HL7 v2 messages over one connection, each acknowledged before the next is sent.

    The Minimal Lower Layer Protocol frames a message with 0x0B and 0x1C 0x0D.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, stack: AsyncExitStack, host: str, port: int) -> Self:
        """A connection that `stack` closes."""
        reader, writer = await asyncio.open_connection(host, port)

        async def close() -> None:
            writer.close()
            await writer.wait_closed()

        stack.push_async_callback(close)
        return cls(reader, writer)

    async def send(self, record: Record) -> None:
        for message in messages(record):
            self.writer.write(_START + message + _END)
            await self.writer.drain()
            answer = (await self.reader.readuntil(_END)).decode(CODEC)
            if "\rMSA|AA|" not in answer:
                raise RefusedError(f"the listener answered {answer!r}")
