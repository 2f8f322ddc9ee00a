"""An authorization server on a real database, with the people and clients of the tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import cache
from types import SimpleNamespace

import httpx
import pytest
from auth_flow import BASE, PASSWORD, REDIRECT, SECRET, App, Backend
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette

from hie.auth.accounts import create_account
from hie.auth.clients import create_client
from hie.auth.routes import routes
from hie.auth.secret import hash_password
from hie.kit.db import Database
from hie.kit.rates import Rates
from hie.records.acquaintances import Acquaintances
from hie.settings import Settings

SCOPES = (
    "openid fhirUser profile launch launch/patient offline_access online_access "
    "patient/*.cruds user/*.cruds"
)


@cache
def password_hash() -> str:
    return hash_password(PASSWORD)


@cache
def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa"})


@cache
def ec_key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "ec"})


async def populate(database: Database) -> None:
    async with database.connection() as conn:
        for login, patient in (("resident", "golden-1"), ("other", "golden-2")):
            await create_account(
                conn,
                login=login,
                password_hash=password_hash(),
                kind="resident",
                display_name="张伟",
                patient=patient,
            )
        await create_account(
            conn,
            login="doctor",
            password_hash=password_hash(),
            kind="staff",
            display_name="李医生",
            fhir_user="Practitioner/li",
            institution=1,
            roles=["clinician"],
        )
        for client_id in ("app", "foreign"):
            await create_client(
                conn,
                client_id=client_id,
                name="血压日记",
                kind="public",
                scopes=SCOPES,
                redirect_uris=[REDIRECT],
            )
        await create_client(
            conn,
            client_id="portal",
            name="居民门户",
            kind="symmetric",
            secret=SECRET,
            scopes=SCOPES,
            redirect_uris=[REDIRECT],
            account_kinds=["resident"],
            trusted=True,
        )
        await create_client(
            conn,
            client_id="hospital",
            name="第一人民医院",
            kind="asymmetric",
            scopes="system/*.cruds",
            institution=1,
            jwks={"keys": [k.as_dict(private=False) for k in (rsa_key(), ec_key())]},
        )


@pytest.fixture
async def populated(database: Database) -> Database:
    async with AsyncExitStack() as stack:  # open the whole pool: at once has to mean at once
        for _ in range(8):
            await stack.enter_async_context(database.connection())
    await populate(database)
    return database


@pytest.fixture
async def browser(populated: Database) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """Makes browsers: each has its own cookies."""
    application = Starlette(routes=routes)
    store = SimpleNamespace(database=populated)
    application.state.exchange = SimpleNamespace(
        store=store,
        people=Acquaintances(store),  # type: ignore[arg-type]
        settings=Settings(
            public_base_url=BASE,
            sign_ins_per_minute=10**6,
            oauth_requests_per_minute=10**6,
            staff_second_factor="offered",
            staff_apps="any",
        ),
        rates=Rates(),
    )
    opened: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(application),
            base_url=BASE,
            headers={"accept-language": "en"},
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        await client.aclose()


@pytest.fixture
def http(browser: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    return browser()


@pytest.fixture
def app(http: httpx.AsyncClient) -> App:
    return App(http)


@pytest.fixture
def backend(http: httpx.AsyncClient) -> Backend:
    return Backend(http, "hospital", rsa_key(), "RS384")


@pytest.fixture
def elliptic_backend(http: httpx.AsyncClient) -> Backend:
    return Backend(http, "hospital", ec_key(), "ES384")
