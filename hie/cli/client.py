"""`hie client …`: apps and institutions' systems, for the operator on the server's own machine."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hie.auth.clients import approve_client, clients, disable_client
from hie.auth.keys import rotate_key
from hie.cli.account import refuse, run
from hie.settings import settings

application = typer.Typer(help="Apps and institutions' systems.", no_args_is_help=True)
console = Console()

ClientId = Annotated[str, typer.Argument(help="The client's id.")]


@application.command(name="list")
def show(
    status: Annotated[
        str | None, typer.Option(help="Only those that are active, pending or disabled.")
    ] = None,
) -> None:
    """List the clients; apps that registered themselves are pending until somebody approves them."""
    table = Table("id", "name", "kind", "status", "scopes", "redirects to")
    for one in run(lambda connection: clients(connection, status=status)):
        table.add_row(
            one.id, one.name, one.kind, one.status, one.scopes, "\n".join(one.redirect_uris)
        )
    console.print(table)


@application.command()
def approve(client: ClientId) -> None:
    """Let a client that waits or was disabled be used."""
    if not run(lambda connection: approve_client(connection, client)):
        raise refuse(f"There is no client {client} that waits.")
    console.print(f"{client} can be used.")


@application.command()
def disable(client: ClientId) -> None:
    """Refuse the client from now on; all its tokens end."""
    if not run(lambda connection: disable_client(connection, client)):
        raise refuse(f"There is no client {client}.")
    console.print(f"{client} is refused.")


@application.command(name="rotate-key")
def rotate() -> None:
    """Sign id tokens with a new key from now on; the old one stays published for a day."""
    kid = run(lambda connection: rotate_key(connection, settings()))
    console.print(f"The signing key is {kid} now.")
