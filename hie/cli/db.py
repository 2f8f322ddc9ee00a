"""`hie db upgrade`, `hie db status` and `hie db settle`: the database's schema and its upkeep."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.settings import settings
from hie.store.upkeep import AT_ONCE, size
from hie.store.upkeep import settle as settle_tables

application = typer.Typer(help="The database's schema and upkeep.", no_args_is_help=True)
console = Console()


@application.command()
def upgrade() -> None:
    """Bring the database's schema up to date; the embedded database is made when missing."""
    before = migrations.upgrade(postgres.conninfo(settings()))
    for step in before.pending:
        console.print(f"applied {step}")
    console.print(f"The schema is up to date: {before.newest}.")


@application.command()
def status(
    check: Annotated[
        bool, typer.Option("--check", help="Exit with status 1 when an upgrade is needed.")
    ] = False,
) -> None:
    """Say which revision the database is at and which steps are missing."""
    found = migrations.status(postgres.conninfo(settings()))
    console.print(f"The database is at {found.current or 'no revision'}; newest: {found.newest}.")
    for step in found.pending:
        console.print(f"missing {step}")
    if check and found.pending:
        raise typer.Exit(1)


@application.command()
def settle() -> None:
    """Vacuum the tables of records, renew the planner's statistics, and pack the indexes.

    Others read and write meanwhile. `hie load` does it after a large load; after months of many
    small changes it gives back what indexes have grown by.
    """
    before, after = asyncio.run(_settle(postgres.conninfo(settings())))
    console.print(
        f"Records take {after / 1e6:,.1f} MB with their indexes, before {before / 1e6:,.1f} MB."
    )


async def _settle(conninfo: str) -> tuple[int, int]:
    async with Database(conninfo, size=AT_ONCE + 1) as database:
        before = await _size(database)
        await settle_tables(database)
        return before, await _size(database)


async def _size(database: Database) -> int:
    async with database.connection() as connection:
        return await size(connection)
