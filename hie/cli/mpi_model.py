"""`hie mpi run` and `hie mpi model …`: the live population linked anew, models compared and switched."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from hie.errors import Problem
from hie.kit import migrations, postgres
from hie.kit.db import Connection, Database
from hie.mpi import active
from hie.mpi.features import from_json
from hie.mpi.model import build, load, shipped
from hie.mpi.rehearsal import differences, live, plain, propose, rehearse
from hie.settings import settings

models = typer.Typer(
    help="Models: weights learned here, compared and switched on.", no_args_is_help=True
)
Workers = Annotated[int, typer.Option(min=1, help="Processes that compare.")]


@models.callback()
def group() -> None:
    """Models: weights learned here, compared and switched on."""


def _with_index(act: Callable[[Connection], Awaitable[Any]]) -> Any:
    """What `act` gives, in one transaction on the exchange's database."""
    address = postgres.conninfo(settings())
    migrations.upgrade(address)

    async def connected() -> Any:
        async with Database(address, size=1) as database, database.transaction() as connection:
            return await act(connection)

    try:
        return asyncio.run(connected())
    except Problem as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(1) from refused


def _print(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(figures).decode())
        return
    for name, value in figures.items():
        typer.echo(f"{name}: {value}")


def run(
    propose_reviews: Annotated[
        bool,
        typer.Option("--propose/--dry-run", help="Put proposals into the review queue, or count."),
    ] = True,
    workers: Workers = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Link the whole population anew and propose merges and splits; no link changes by itself."""

    async def act(connection: Connection) -> dict[str, Any]:
        rehearsal = await rehearse(connection, await active.current(connection), workers=workers)
        found = list(differences(await live(connection), rehearsal.clusters))
        figures = plain(rehearsal, found)
        if propose_reviews:
            figures["reviews"] = await propose(connection, found)
        return figures

    _print(_with_index(act), as_json=as_json)


@models.command("list")
def list_models() -> None:
    """The models kept here, and which one weighs."""

    async def act(connection: Connection) -> tuple[str, list[tuple[Any, ...]]]:
        cursor = await connection.execute(active.ALL)
        return (await active.current(connection)).version, await cursor.fetchall()

    weighing, kept = _with_index(act)
    typer.echo(f"weighs now: {weighing}")
    for version, made, _ in kept:
        typer.echo(f"{version}: kept {made:%Y-%m-%d %H:%M}")


def training() -> tuple[Callable[..., dict[str, Any]], Callable[..., float]]:
    """`train` and `expected_precision`; ends the command where Splink is not installed."""
    try:
        from hie.mpi.training import expected_precision, train
    except ModuleNotFoundError as missing:
        typer.echo("Training needs Splink: pip install 'hie[training]'", err=True)
        raise typer.Exit(1) from missing
    return train, expected_precision


@models.command("learn")
def learn(
    version: Annotated[str, typer.Argument(help="The new model's name.")],
    sample: Annotated[int, typer.Option(help="Registrations to learn from, at most.")] = 200_000,
) -> None:
    """Learn a model from the live population and from what reviewers decided, and keep it."""
    train, expected_precision = training()

    async def act(connection: Connection) -> dict[str, Any]:
        cursor = await connection.execute(active.SAMPLE, (sample,))
        people = [from_json(plain) for (plain,) in await cursor.fetchall()]
        cursor = await connection.execute(active.DECIDED)
        decisions = [(dict(levels), same) for levels, same in await cursor.fetchall()]
        used = await active.current(connection)
        old = (
            shipped()
            if used.version == load().version
            else await active.find(connection, used.version)
        )
        content = train(people, old, version=version, decisions=decisions)
        await active.keep(connection, content)
        return {
            "registrations": len(people),
            "decisions": len(decisions),
            "expected_precision": round(expected_precision(people, build(content)), 6),
        }

    _print(_with_index(act), as_json=False)


@models.command("keep")
def keep(
    file: Annotated[Path, typer.Argument(help="Model file by `hie mpi train`.", exists=True)],
) -> None:
    """Keep a learned model with the exchange, not yet switched on."""
    content = orjson.loads(file.read_bytes())
    _with_index(lambda connection: active.keep(connection, content))


@models.command("compare")
def compare(
    version: Annotated[str, typer.Argument(help="A kept model.")],
    workers: Workers = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Link the live population in batch by the model in use and by another; what would differ."""

    async def act(connection: Connection) -> dict[str, Any]:
        used = await rehearse(connection, await active.current(connection), workers=workers)
        other = await rehearse(
            connection, build(await active.find(connection, version)), workers=workers
        )
        linked = await live(connection)
        before, after = (set(differences(linked, run.clusters)) for run in (used, other))
        return {
            "registrations": used.figures.registrations,
            "clusters_now": len(set(used.clusters.values())),
            "clusters_then": len(set(other.clusters.values())),
            "merges_only_then": sum(one[0] == "batch-merge" for one in after - before),
            "splits_only_then": sum(one[0] == "batch-split" for one in after - before),
            "merges_only_now": sum(one[0] == "batch-merge" for one in before - after),
            "splits_only_now": sum(one[0] == "batch-split" for one in before - after),
        }

    _print(_with_index(act), as_json=as_json)


@models.command("activate")
def activate(
    version: Annotated[str, typer.Argument(help="A kept model, or `shipped`.")],
) -> None:
    """Switch a model on: it weighs from the next registration, on every worker."""
    chosen = None if version == "shipped" else version
    _with_index(lambda connection: active.switch(connection, chosen))
