"""`hie mpi run` and `hie mpi model …`: the live population linked anew, models compared and switched."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from hie.errors import Problem
from hie.kit import migrations, postgres
from hie.kit.db import Connection, Database
from hie.mpi import active, batch, rehearsal
from hie.mpi.features import from_json
from hie.mpi.model import build, load, shipped
from hie.mpi.rehearsal import differences, live, plain, propose, rehearse
from hie.settings import settings

models = typer.Typer(
    help="Models: weights learned here, compared and switched on.", no_args_is_help=True
)
SAMPLED_PAIRS = 200_000
Pairs = Annotated[
    int, typer.Option(min=1000, help="Pairs drawn, and at most taken from each block.")
]
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
    spark: Annotated[
        str | None, typer.Option(help="Link on Spark: its master's address, or local[*].")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(help="For what is linked; all of Spark's workers must find it.", exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Link the whole population anew and propose merges and splits; no link changes by itself."""
    linker = partial(batch.link, workers=workers) if spark is None else _on_spark(spark)

    async def act(connection: Connection) -> dict[str, Any]:
        used = await active.current(connection)
        done = await rehearse(connection, used, linker, directory=directory)
        found = list(differences(await live(connection), done.clusters))
        figures = plain(done, found)
        if propose_reviews:
            figures["reviews"] = await propose(connection, found)
        return figures

    _print(_with_index(act), as_json=as_json)


def _on_spark(master: str) -> batch.Linker:
    try:
        from hie.mpi.spark import link, session
    except ModuleNotFoundError as missing:
        typer.echo("Linking on Spark needs PySpark: pip install 'hie[spark]'", err=True)
        raise typer.Exit(1) from missing
    return partial(link, session=session(master))


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
    pairs: Pairs = SAMPLED_PAIRS,
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
        content = train(people, old, version=version, decisions=decisions, sample=pairs)
        await active.keep(connection, content)
        return {
            "registrations": len(people),
            "decisions": len(decisions),
            "expected_precision": round(
                expected_precision(people, build(content), sample=pairs), 6
            ),
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
    """Link the live population in batch by the model in use and by another; what would differ.

    Only a model that was compared so can be switched on.
    """

    linker = partial(batch.link, workers=workers)
    figures = _with_index(lambda connection: rehearsal.compare(connection, version, linker))
    _print(figures, as_json=as_json)


@models.command("activate")
def activate(
    version: Annotated[str, typer.Argument(help="A kept model, or `shipped`.")],
) -> None:
    """Switch a model on that was compared: it weighs from the next registration, on every worker."""
    chosen = None if version == active.SHIPPED else version
    _with_index(lambda connection: active.switch(connection, chosen))
