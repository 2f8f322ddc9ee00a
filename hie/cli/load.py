"""`hie load`: FHIR files into the exchange, in parallel, resumable, with a report of refusals."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hie.cli.load_processes import loading, reports
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.records.load import Report, flush
from hie.settings import settings
from hie.store.institutions import Institution, add_institution
from hie.store.upkeep import AT_ONCE, settle

SHOWN = 20


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found += inside
    return found


async def _institution(conninfo: str, code: str, name: str) -> Institution:
    async with Database(conninfo, size=1) as database, database.connection() as connection:
        return await add_institution(connection, code, name)


async def _flush(conninfo: str) -> None:
    async with Database(conninfo, size=1) as database, database.connection() as connection:
        await flush(connection)


async def _settle(conninfo: str, stored: int) -> None:
    async with Database(conninfo, size=AT_ONCE + 1) as database:
        await settle(database, stored)


def _begin(report: Path) -> None:
    """Find out before the load, which may take hours, whether the report can be written."""
    try:
        report.write_bytes(b"")
    except OSError as error:
        raise typer.BadParameter(f"{report}: {error.strerror}") from error


def load(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders of files.")],
    institution: Annotated[
        str, typer.Option(help="Code of the institution that will own the data.")
    ] = "import",
    name: Annotated[str, typer.Option(help="That institution's name.")] = "批量导入",
    processes: Annotated[int, typer.Option(min=1, help="Loading processes.")] = os.cpu_count() or 1,
    report: Annotated[
        Path | None, typer.Option(help="Write every refusal there, a JSON object a line.")
    ] = None,
) -> None:
    """Load transaction Bundles (.json, .json.gz) and NDJSON (.ndjson, .ndjson.gz).

    A Bundle is carried out whole, deletions, conditions and patches included, or refused whole; so is
    one that asks for reads. Of the lines of NDJSON each is stored or refused by itself.

    Start the same command again after an interruption: what is stored is skipped.
    """
    console = Console(stderr=True)
    if report is not None:
        _begin(report)
    address = postgres.conninfo(settings())
    migrations.upgrade(address)
    owner = asyncio.run(_institution(address, institution, name))
    files = _files(paths)
    total = Report()
    started = time.perf_counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[stored]:,} resources"),
        TimeRemainingColumn(),
    )
    with (
        loading(address, owner, processes) as pool,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("Loading files", total=len(files), stored=0)
        for part, one in reports(pool, address, owner, files, 2 * processes):
            total.add(one)
            progress.update(task, advance=part.last, stored=total.stored)
    asyncio.run(_flush(address))
    seconds = time.perf_counter() - started
    if total.stored:
        asyncio.run(_settle(address, total.stored))
    settled = time.perf_counter() - started - seconds
    _print_report(console, total, report)
    console.print(
        f"{total.stored:,} resources stored in {seconds:.1f} s "
        f"({total.stored / seconds:,.0f} a second); {total.skipped_parts} parts were there already; "
        f"{len(total.refused)} refused. Statistics and indexes took another {settled:.1f} s."
    )
    if total.refused:
        raise typer.Exit(1)


def _print_report(console: Console, total: Report, path: Path | None) -> None:
    for refused in total.refused[:SHOWN]:
        place = refused.file if refused.line is None else f"{refused.file}, line {refused.line}"
        for issue in refused.issues[:SHOWN]:
            console.print(
                f"refused: {place}: {issue.expression or ''} {issue.text.en}", markup=False
            )
    if len(total.refused) > SHOWN:
        console.print(f"… and {len(total.refused) - SHOWN} more; --report FILE writes all of them")
    if path is not None:
        # A file's name need not be text: its bytes are written as JSON escapes.
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for refused in total.refused:
                issues = [
                    {"expression": i.expression, "code": i.code, "en": i.text.en, "zh": i.text.zh}
                    for i in refused.issues
                ]
                line = {"file": refused.file, "line": refused.line, "issues": issues}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
