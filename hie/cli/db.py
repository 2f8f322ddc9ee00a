"""`hie db upgrade` and `hie db status`: the database's schema."""

from typing import Annotated

import typer
from rich.console import Console

from hie.kit import migrations, postgres
from hie.settings import settings

application = typer.Typer(help="The database's schema.", no_args_is_help=True)
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
