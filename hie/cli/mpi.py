"""`hie mpi …`: measuring and training the master patient index."""

import asyncio
import csv
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hie.cli.mpi_model import SAMPLED_PAIRS, Pairs, models, run, training
from hie.cli.mpi_private import encode, privacy
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi.evaluate import BATCH, Evaluation, evaluate
from hie.mpi.features import of_patient
from hie.mpi.generate import COLUMNS
from hie.mpi.model import build, load, shipped
from hie.mpi.population import POPULATIONS, population
from hie.mpi.registration_file import Row, patient, read
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

application = typer.Typer(help="The master patient index.", no_args_is_help=True)
console = Console(stderr=True)


application.add_typer(models, name="model")
application.command("run")(run)
application.command("encode")(encode)
application.command("privacy")(privacy)


@application.callback()
def group() -> None:
    """The master patient index."""


@contextmanager
def scratch_database() -> Iterator[str]:
    """A migrated database on an embedded server of its own, gone at the end."""
    directory = Path(tempfile.mkdtemp(prefix="hie-evaluate-"))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # the server's own account must reach its data directory
    data = directory / "data"
    data.mkdir(mode=0o700)
    try:
        conninfo = postgres.embedded(data)
        migrations.upgrade(conninfo)
        yield conninfo
    finally:
        postgres.stop(data)
        shutil.rmtree(directory)


@application.command("evaluate")
def evaluate_file(
    file: Annotated[Path, typer.Argument(help="Registrations as CSV or CSV.gz.", exists=True)],
    stream: Annotated[
        bool, typer.Option("--stream/--batch", help="One registration a transaction, or many.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object last.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write rec_id,person as CSV here.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the random order.")] = 1,
) -> None:
    """Stream registrations through the real path on PostgreSQL and measure the persons made."""
    rows = read(file)
    with scratch_database() as conninfo:
        found = asyncio.run(_evaluate(conninfo, rows, 1 if stream else BATCH, seed))
    if out:
        with out.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(("rec_id", "person"))
            writer.writerows((row["rec_id"], p) for row, p in zip(rows, found.persons, strict=True))
    _print(found)
    if as_json:
        typer.echo(orjson.dumps(found.plain()).decode())


@application.command("generate")
def generate_file(
    out: Annotated[Path, typer.Argument(help="CSV file to write.")],
    persons: Annotated[int, typer.Option(help="About how many people.")] = 20_000,
    habits: Annotated[str, typer.Option(help=f"Whose habits: {', '.join(POPULATIONS)}.")] = "town",
    seed: Annotated[int, typer.Option(help="The same seed makes the same file.")] = 1,
) -> None:
    """Write synthetic registrations with the truth beside them, for `hie mpi evaluate`."""
    if habits not in POPULATIONS:
        raise typer.BadParameter(f"choose one of {', '.join(POPULATIONS)}", param_hint="--habits")
    with out.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS)
        writer.writeheader()
        writer.writerows(population(habits, persons, seed))


@application.command("train")
def train_model(
    file: Annotated[Path, typer.Argument(help="Registrations as CSV or CSV.gz.", exists=True)],
    out: Annotated[Path, typer.Argument(help="Model file (JSON) to write.")],
    version: Annotated[str, typer.Option(help="The new model's name.")] = "trained",
    pairs: Pairs = SAMPLED_PAIRS,
) -> None:
    """Learn weights from registrations without labels; prints m, u and the weight of each level."""
    train, expected_precision = training()
    people = [of_patient(patient(row)) for row in read(file)]
    plain = train(people, shipped(), version=version, sample=pairs)
    out.write_bytes(orjson.dumps(plain, option=orjson.OPT_INDENT_2))
    learned, used = build(plain), load()
    table = Table("field", "level", "m", "u", "bits", f"bits of {used.version}")
    for field, levels in learned.bits.items():
        for level, weight in levels.items():
            m, u = learned.m[field][level], learned.u[field][level]
            before = used.bits[field][level]
            table.add_row(field, level, f"{m:.2g}", f"{u:.2g}", f"{weight:+.1f}", f"{before:+.1f}")
    Console().print(table)
    precision = expected_precision(people, learned, sample=pairs)
    typer.echo(f"expected precision: {precision:.5f}")


async def _evaluate(conninfo: str, rows: Sequence[Row], batch: int, seed: int) -> Evaluation:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    async with Database(conninfo, size=2) as database:
        async with database.connection() as connection:
            hasher = Hasher(await secret(connection, "index"))
        store = Store(database, hasher, Bodies({}))
        with bar:
            task = bar.add_task("Registering", total=len(rows))
            return await evaluate(
                store, rows, batch=batch, seed=seed, progress=lambda n: bar.advance(task, n)
            )


def _print(found: Evaluation) -> None:
    figures = found.plain()
    for kind, values in figures.pop("by_kind").items():
        typer.echo(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in values.items()))
    for name, value in figures.items():
        typer.echo(f"{name}: {value}")
