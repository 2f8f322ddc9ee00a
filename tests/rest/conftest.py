"""A running exchange for the tests of the REST interface: real database, real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from hie.app import Application, application_on
from hie.auth.tokens import mint
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def exchange(conninfo: str) -> AsyncIterator[Exchange]:
    async with open_exchange(Settings(database_url=conninfo), conninfo) as opened:
        yield opened


@pytest.fixture
def app(exchange: Exchange) -> Application:
    return application_on(exchange)


@pytest.fixture
async def client(app: Application, exchange: Exchange) -> AsyncIterator[Client]:
    """Makes HTTP clients: of an institution, of a resident, of a clinician, or without a token."""
    opened: list[httpx.AsyncClient] = []

    async def make(
        kind: str | None = None,
        *,
        institution: str | None = None,
        scopes: str = "system/*.cruds",
        patient: str | None = None,
        **more: Any,
    ) -> httpx.AsyncClient:
        headers = {"content-type": "application/fhir+json"}
        if kind is not None:
            async with exchange.store.database.transaction() as connection:
                number = None
                if institution is not None:
                    number = (await add_institution(connection, institution, institution)).number
                token = await mint(
                    connection,
                    client_id=f"test-{institution or kind}",
                    scopes=scopes,
                    holder=kind,  # type: ignore[arg-type]
                    institution=number,
                    patient=patient,
                    **more,
                )
            headers["authorization"] = f"Bearer {token}"
        made = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://127.0.0.1:8080/fhir",
            headers=headers,
        )
        opened.append(made)
        return made

    yield make
    for one in opened:
        await one.aclose()
