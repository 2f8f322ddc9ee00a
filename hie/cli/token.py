"""`hie token`: mints a bearer token for an operator on the server's own machine."""

import asyncio
from typing import Annotated

import typer

from hie.auth.scopes import UnknownScope
from hie.auth.tokens import mint
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.settings import settings


async def _mint(conninfo: str, client: str, scope: str, seconds: float) -> str:
    async with Database(conninfo, size=1) as database, database.transaction() as connection:
        return await mint(connection, client_id=client, scopes=scope, seconds=seconds)


def token(
    client: Annotated[str, typer.Option(help="Name under which the audit log records its use.")],
    scope: Annotated[
        str, typer.Option(help="SMART scopes, separated by spaces.")
    ] = "system/*.cruds",
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long it is valid.")] = 60,
) -> None:
    """Mint an access token and print it; only its hash is stored."""
    address = postgres.conninfo(settings())
    migrations.upgrade(address)
    try:
        print(asyncio.run(_mint(address, client, scope, minutes * 60)))
    except UnknownScope as error:
        raise typer.BadParameter(str(error), param_hint="--scope") from error
