"""`hie serve`: the web server. Granian: https://github.com/emmett-framework/granian"""

import asyncio
import os
from typing import Annotated

import typer
from granian import Granian
from granian.constants import Interfaces, Loops

from hie.auth.sealed import open_seals
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.kit.secret_key import SecretKeyError
from hie.settings import settings


async def _open_seals(address: str) -> None:
    async with Database(address, size=1) as database, database.connection() as connection:
        await open_seals(connection, settings())


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else HIE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else HIE_PORT.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of processes; else HIE_WORKERS.")
    ] = None,
) -> None:
    """Serve the exchange over HTTP; the schema is brought up to date first."""
    chosen = settings()
    # The embedded server is started here once, so that the workers find it running.
    address = postgres.conninfo(chosen)
    migrations.upgrade(address)
    try:
        asyncio.run(_open_seals(address))
    except SecretKeyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    os.environ["HIE_DATABASE_URL"] = address
    Granian(
        "hie.app:application",
        address=host or chosen.host,
        port=port or chosen.port,
        workers=workers or chosen.workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        factory=True,
        websockets=False,
        log_access=False,
        backlog=1024,
    ).serve()
