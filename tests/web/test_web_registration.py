"""The portals register themselves with the authorization server."""

from hie.auth.clients import find_client
from hie.auth.secret import same
from hie.kit.db import Database
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.web.portal import PORTALS, client_secret
from hie.web.routes import prepare


async def test_portals_are_registered_and_follow_the_public_address(
    conninfo: str, database: Database
) -> None:
    for base in ("http://127.0.0.1:8080", "https://health.example"):
        async with open_exchange(Settings(public_base_url=base), conninfo) as exchange:
            await prepare(exchange)
            await prepare(exchange)
        async with database.connection() as connection:
            for portal in PORTALS:
                client = await find_client(connection, portal.client_id)
                assert client is not None
                assert client.redirect_uris == [f"{base}/{portal.name}/callback"]
                assert client.account_kinds == [portal.account_kind]
                assert client.grant_types == ["authorization_code"]
                assert client.secret_hash is not None
                assert same(await client_secret(connection, portal), client.secret_hash)
