"""The portal's side of the FHIR API: Authlib's OAuth client, inside the process, with a real token.

The requests go through the application's own ASGI interface, so every access rule and the audit
apply as to any other client, and the network address audited is the browser's.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client
from starlette.requests import Request

from hie.records.exchange import Exchange
from hie.web.portal import Portal, client_secret
from hie.web.record.coded import Resource

Parameters = Sequence[tuple[str, str]]
SEARCH_MIME_TYPE = "application/fhir+json"


class BundlePage(NamedTuple):
    """The resources of one page, and whether another one follows."""

    resources: list[Resource]
    more: bool


class Refused(Exception):  # noqa: N818 - an answer of the exchange, shown to the reader
    """The exchange answered with an error; `outcome` is its OperationOutcome, if it sent one."""

    def __init__(self, status: int, outcome: object) -> None:
        super().__init__(f"the exchange answered {status}")
        self.status = status
        self.outcome = outcome


@asynccontextmanager
async def oauth_client(
    request: Request, portal: Portal, token: dict[str, Any] | None = None
) -> AsyncIterator[AsyncOAuth2Client]:
    """Authlib's client for this portal, in this process; with `token` it sends it as bearer."""
    exchange: Exchange = request.app.state.exchange
    async with exchange.store.database.connection() as connection:
        key = await client_secret(connection, portal)
    peer = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
    transport = httpx2.ASGITransport(app=request.app, raise_app_exceptions=False, client=peer)
    async with AsyncOAuth2Client(
        client_id=portal.client_id,
        client_secret=key,
        scope=portal.scopes,
        redirect_uri=portal.redirect_uri(exchange.settings.public_base_url),
        code_challenge_method="S256",
        token=token,
        transport=transport,
        base_url=exchange.settings.public_base_url,
    ) as client:
        yield client


class FhirClient:
    """Reads as the person who is signed in. Every method raises `Refused` on an error status."""

    def __init__(self, client: AsyncOAuth2Client, fhir_base: str, language: str) -> None:
        self._client = client
        self._base = fhir_base
        self._headers = {"Accept": SEARCH_MIME_TYPE, "Accept-Language": language}

    async def _answer(self, method: str, url: str, **more: Any) -> Resource:
        try:
            response = await self._client.request(method, url, headers=self._headers, **more)
        except httpx2.InvalidURL as error:  # what was given as an id cannot be one
            raise Refused(404, None) from error
        try:
            content = json.loads(response.content, parse_float=Decimal)  # 7.0 is not 7
        except ValueError:
            content = None
        if response.status_code >= 400 or not isinstance(content, dict):
            raise Refused(response.status_code, content)
        return content

    async def read(self, type_name: str, logical_id: str) -> Resource:
        """One resource."""
        return await self._answer("GET", f"{self._base}/{type_name}/{logical_id}")

    async def pages(self, path: str, parameters: Parameters) -> AsyncIterator[BundlePage]:
        """The pages of a search, or of an operation that answers with a Bundle, by its next links."""
        bundle = await self._answer("GET", f"{self._base}/{path}", params=list(parameters))
        while True:
            links = {link.get("relation"): link.get("url") for link in bundle.get("link", ())}
            # Only the exchange itself is asked: a next link elsewhere would carry the token away.
            more = str(links.get("next", "")).startswith(f"{self._base}/")
            found = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
            yield BundlePage(found, more)
            if not more:
                return
            bundle = await self._answer("GET", links["next"])

    async def search(
        self, path: str, parameters: Parameters, *, at_most: int
    ) -> tuple[list[Resource], bool]:
        """The first resources, at least `at_most` if there are so many, and whether there are more."""
        found: list[Resource] = []
        more = False
        async for page in self.pages(path, parameters):
            found += page.resources
            more = page.more
            if len(found) >= at_most:
                break
        return found, more

    async def ask(self, path: str, parameters: Parameters) -> Resource:
        """The answer of an operation that only reads."""
        return await self._answer("GET", f"{self._base}/{path}", params=list(parameters))

    async def create(self, resource: Resource) -> Resource:
        """The resource as stored."""
        return await self._answer("POST", f"{self._base}/{resource['resourceType']}", json=resource)

    async def update(self, resource: Resource) -> Resource:
        """The new version as stored."""
        place = f"{resource['resourceType']}/{resource['id']}"
        return await self._answer("PUT", f"{self._base}/{place}", json=resource)

    async def operation(self, path: str, parameters: Resource) -> Resource:
        """The answer of an operation called with a Parameters resource."""
        return await self._answer("POST", f"{self._base}/{path}", json=parameters)
