"""The district under attack: who is there, what belongs to whom, and how to reach the server.

A probe gets a `World` and nothing else. It speaks HTTP; what it has beyond that (the log of the
server, a look into the database) only serves to arrange things or to see what should not be there.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from auth_flow import PASSWORD, App, Backend, form_token_of
from joserfc.jwk import ECKey, RSAKey

from hie.kit.db import Database

READ = "openid fhirUser launch/patient patient/*.rs"
OFFLINE = f"{READ} offline_access"
REDIRECTS = {
    "diary": "https://diary.example/callback",
    "foreign": "https://foreign.example/callback",
    "ledger": "https://ledger.example/callback",
    "narrow": "https://narrow.example/callback",
}
SECRET = "l" * 43


def marker(person: str) -> str:
    """A word that stands in every resource of this person and nowhere else."""
    return f"mark-of-{person}"


@dataclass
class World:
    """A running server and the means of everybody who may attack it."""

    base: str
    database: Database
    keys: dict[str, RSAKey | ECKey]
    people: dict[str, str]
    """The golden Patient id of each resident, by login."""
    log: Path | None = None
    process: int | None = None
    """The server's process id; none for a server inside this process."""
    transport: httpx.AsyncBaseTransport | None = None
    tokens: dict[tuple[str, str, str], str] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    """For how long the token of an institution is used, by client."""
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    def browser(self, **more: Any) -> httpx.AsyncClient:
        """A browser without cookies, on a connection of its own."""
        client = httpx.AsyncClient(
            transport=self.transport,
            base_url=self.base,
            headers={"accept-language": "en"},
            timeout=30,
            **more,
        )
        self.opened.append(client)
        return client

    def app(self, client_id: str = "diary", http: httpx.AsyncClient | None = None) -> App:
        """An app in a browser."""
        return App(http or self.browser(), client_id, fhir=self.fhir, redirect=REDIRECTS[client_id])

    def backend(
        self, client_id: str = "hospital-a", http: httpx.AsyncClient | None = None
    ) -> Backend:
        """An institution's system."""
        key = self.keys[client_id]
        algorithm = "RS384" if isinstance(key, RSAKey) else "ES384"
        return Backend(
            http or self.browser(), client_id, key, algorithm, f"{self.base}/oauth/token"
        )

    async def token(self, login: str, scope: str = READ, client_id: str = "diary") -> str:
        """An access token through the real flow, once for all probes."""
        known = (login, scope, client_id)
        if known not in self.tokens:
            answer = await self.app(client_id).tokens(login, scope)
            self.tokens[known] = answer["access_token"]
        return self.tokens[known]

    def bearer(self, token: str, scheme: str = "Bearer") -> httpx.AsyncClient:
        """A FHIR client with this token."""
        client = self.browser()
        client.base_url = httpx.URL(self.fhir)
        client.headers["authorization"] = f"{scheme} {token}"
        client.headers["content-type"] = "application/fhir+json"
        return client

    async def as_person(self, login: str, scope: str = READ) -> httpx.AsyncClient:
        """A FHIR client in the hands of an app that this person allowed."""
        return self.bearer(await self.token(login, scope))

    async def as_institution(self, client_id: str = "hospital-a") -> httpx.AsyncClient:
        """A FHIR client of an institution."""
        known = ("", "system/*.cruds", client_id)
        if self.until.get(client_id, 0) < monotonic():
            answer = await self.backend(client_id).token()
            assert answer.status_code == 200, answer.text
            self.tokens[known] = answer.json()["access_token"]
            # On a busy machine all probes together outlast a backend's token.
            self.until[client_id] = monotonic() + answer.json()["expires_in"] / 2
        return self.bearer(self.tokens[known])

    async def signed_in(self, login: str, password: str = PASSWORD) -> httpx.AsyncClient:
        """A browser in which this person is signed in."""
        browser = self.browser()
        page = await browser.get("/oauth/login")
        answer = await browser.post(
            "/oauth/login",
            data={"form_token": form_token_of(page), "login": login, "password": password},
        )
        assert answer.status_code == 303, answer.text
        return browser

    async def at_once(self, *requests: Any) -> list[httpx.Response]:
        """The answers to requests that were sent together."""
        return list(await asyncio.gather(*requests))

    async def close(self) -> None:
        for client in self.opened:
            await client.aclose()
