"""`hie access`: who acts for whom, as decided at a counter where papers were seen."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Annotated

import typer

from hie.access import representation
from hie.kit import migrations, postgres
from hie.kit.clock import instant, now
from hie.records.open import open_exchange
from hie.records.representation import register_guardian
from hie.settings import settings

application = typer.Typer(help="Guardians and proxies.")

Person = Annotated[str, typer.Option(help="The golden Patient id of whose record it is.")]
Basis = Annotated[str, typer.Option(help="What was seen: the kind and number of the paper.")]
OPERATOR = "operator"


@application.command()
def guardian(
    child: Person,
    guardian: Annotated[str, typer.Option(help="The golden Patient id of the guardian.")],
    basis: Basis,
) -> None:
    """Let a guardian act for a child until it is 14, and read until it is 18."""

    async def run(conninfo: str) -> None:
        async with open_exchange(settings(), conninfo) as exchange:
            await register_guardian(
                exchange, child=child, guardian=guardian, basis=basis, by=OPERATOR
            )

    _carry_out(run)


@application.command()
def proxy(
    person: Person,
    proxy: Annotated[str, typer.Option(help="The golden Patient id of the proxy.")],
    basis: Basis,
    days: Annotated[int, typer.Option(min=1, max=730, help="After how many days it ends.")] = 365,
    action: Annotated[
        list[str], typer.Option(help="What is allowed: read, consent, contribute. Repeatable.")
    ] = ["read"],  # noqa: B006 - Typer reads the default and never changes it
) -> None:
    """Let a proxy act for a person, for a time and for some actions."""

    async def run(conninfo: str) -> None:
        async with (
            open_exchange(settings(), conninfo) as exchange,
            exchange.store.database.transaction() as connection,
        ):
            until: datetime = now() + timedelta(days=days)
            await representation.appoint_proxy(
                connection,
                person=person,
                proxy=proxy,
                actions=action,
                until=until,
                basis=basis,
                by=OPERATOR,
            )

    _carry_out(run)


@application.command("list")
def show(person: Person) -> None:
    """List who acts for a person, now or later."""

    async def run(conninfo: str) -> None:
        async with (
            open_exchange(settings(), conninfo) as exchange,
            exchange.store.database.connection() as connection,
        ):
            for one in await representation.representatives_of(connection, person):
                print(
                    f"{one.number} {one.kind} Patient/{one.representative} "
                    f"{','.join(one.actions)} {instant(one.since)} {instant(one.until)} {one.basis}"
                )

    _carry_out(run)


@application.command()
def end(number: Annotated[int, typer.Argument(help="The number that `list` shows.")]) -> None:
    """End a representation now."""

    async def run(conninfo: str) -> None:
        async with (
            open_exchange(settings(), conninfo) as exchange,
            exchange.store.database.transaction() as connection,
        ):
            if not await representation.end_representation(connection, number, None):
                raise ValueError(f"there is no representation {number} in force")

    _carry_out(run)


def _carry_out(run: Callable[[str], Coroutine[None, None, None]]) -> None:
    address = postgres.conninfo(settings())
    migrations.upgrade(address)
    try:
        asyncio.run(run(address))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
