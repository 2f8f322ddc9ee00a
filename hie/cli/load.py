"""`hie load`: FHIR files into the exchange, in parallel, resumable, with a report of refusals."""

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hie.access.caller import Caller
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.records.exchange import Exchange, open_exchange
from hie.records.load import Part, Report, load_part, parts_of
from hie.records.sample import samples_of
from hie.settings import Settings, settings
from hie.store.institutions import Institution, add_institution
from hie.store.learning import learn
from hie.store.open import open_store

SHOWN = 20


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found += inside
    return found


class _Process:
    """One loading process: an event loop and an exchange that live as long as it does."""

    loop: asyncio.AbstractEventLoop
    opened: AbstractAsyncContextManager[Exchange]
    exchange: Exchange
    caller: Caller

    @classmethod
    def start(cls, conninfo: str, institution: Institution) -> None:
        cls.loop = asyncio.new_event_loop()
        cls.caller = Caller.for_institution(institution.number, f"load:{institution.code}")
        # The context is kept: collecting it would close the exchange. The process's end closes it.
        cls.opened = open_exchange(Settings(pool_size=2), conninfo)
        cls.exchange = cls.loop.run_until_complete(cls.opened.__aenter__())

    @classmethod
    def load(cls, part: Part, dictionary: int) -> Report:
        cls.exchange.store.bodies.know(dictionary)
        return cls.loop.run_until_complete(load_part(cls.exchange, cls.caller, part))


def _reports(
    conninfo: str, institution: Institution, files: list[Path], processes: int
) -> Iterator[tuple[Part, Report]]:
    parts = (part for path in files for part in parts_of(path))
    with ProcessPoolExecutor(
        processes,
        multiprocessing.get_context("spawn"),
        initializer=_Process.start,
        initargs=(conninfo, institution),
    ) as pool:
        for _ in range(processes):
            pool.submit(int)  # a process starts when there is something to do
        dictionary = asyncio.run(_learn(conninfo, institution, files))
        running: dict[Future[Report], Part] = {}
        # Enough for every process to have its next part at hand, and no more in memory.
        for part in parts:
            running[pool.submit(_Process.load, part, dictionary)] = part
            if len(running) >= 2 * processes:
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: dict[Future[Report], Part]) -> Iterator[tuple[Part, Report]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


async def _learn(conninfo: str, institution: Institution, files: list[Path]) -> int:
    """The number of the dictionary to compress with, learned from the files if that pays."""
    async with open_store(conninfo, size=1) as store:
        await learn(store.database, store.bodies, samples_of(files, institution))
        return store.bodies.newest


async def _institution(conninfo: str, code: str, name: str) -> Institution:
    async with Database(conninfo, size=1) as database, database.connection() as connection:
        return await add_institution(connection, code, name)


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

    Start the same command again after an interruption: what is stored is skipped.
    """
    console = Console(stderr=True)
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
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Loading files", total=len(files), stored=0)
        for part, one in _reports(address, owner, files, processes):
            total.add(one)
            progress.update(task, advance=part.last, stored=total.stored)
    seconds = time.perf_counter() - started
    _print_report(console, total, report)
    console.print(
        f"{total.stored:,} resources stored in {seconds:.1f} s "
        f"({total.stored / seconds:,.0f} a second); {total.skipped_parts} parts were there already; "
        f"{len(total.refused)} refused."
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
        with path.open("w", encoding="utf-8") as file:
            for refused in total.refused:
                issues = [
                    {"expression": i.expression, "code": i.code, "en": i.text.en, "zh": i.text.zh}
                    for i in refused.issues
                ]
                line = {"file": refused.file, "line": refused.line, "issues": issues}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
