"""`hie reindex`: stored resources indexed anew for what they were stored without: search parameters that
were added or removed since, and what they contain."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit import migrations, postgres
from hie.search.definitions import every as definitions
from hie.search.reindex import Job, conclude, jobs, reindex, waiting
from hie.settings import settings
from hie.store.open import Store, open_store

SHOWN = 20


async def _run(conninfo: str, types: list[str], everything: bool, console: Console) -> list[Job]:
    async with open_store(conninfo, size=2) as store:
        async with store.database.connection() as connection:
            wanted = types or await waiting(connection)
        if everything and not types:
            wanted = list(RESOURCE_TYPES)
        ended = await _with_progress(store, wanted, everything, console)
        ready = await conclude(store)
    if not wanted:
        console.print("Nothing is waiting to be indexed.")
    if ready:
        console.print(f"Can be searched by now: {', '.join(sorted(set(ready)))}.")
    left = sorted({each.code for each in definitions() if not each.ready})
    if left:
        console.print(f"Cannot be searched by yet: {', '.join(left)}.")
    return ended


async def _with_progress(
    store: Store, types: list[str], everything: bool, console: Console
) -> list[Job]:
    ended: list[Job] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rewritten]:,} rewritten"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {name: progress.add_task(name, total=None, rewritten=0) for name in types}
        async for job in reindex(store, types, every=everything):
            total = job.done if job.finished else max(job.expected, job.done)
            progress.update(
                tasks[job.type_name], completed=job.done, total=total, rewritten=job.rewritten
            )
            if job.finished:
                ended.append(job)
    return ended


async def _status(conninfo: str) -> tuple[list[Job], list[str]]:
    async with (
        open_store(conninfo, size=1) as store,
        store.database.connection() as connection,
    ):
        return await jobs(connection), await waiting(connection)


def _show(console: Console, found: list[Job], left: list[str]) -> None:
    table = Table("type", "done", "of", "rewritten", "failed", "started", "state")
    for job in found:
        state = "finished" if job.finished else f"begun; last batch {job.reached:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            *(job.type_name, f"{job.done:,}", f"{job.expected:,}", f"{job.rewritten:,}"),
            *(str(len(job.failed)), f"{job.started:%Y-%m-%d %H:%M:%S}", state),
        )
    console.print(table)
    console.print(f"Waiting: {', '.join(left) or 'nothing'}.")


def reindex_resources(
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Rewrite every index value, not only what has changed.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only show how far it is.")] = False,
) -> None:
    """Index stored resources anew, for search parameters that were added or removed and what they contain.

    Runs beside the server. Start it again after an interruption: it goes on from its last batch.
    """
    console = Console(stderr=True)
    unknown = sorted(set(types or ()) - set(RESOURCE_TYPES))
    if unknown:
        raise typer.BadParameter(f"no resource type of R4: {unknown[0]}", param_hint="--type")
    address = postgres.conninfo(settings())
    migrations.upgrade(address)
    if status:
        _show(console, *asyncio.run(_status(address)))
        return
    ended = asyncio.run(_run(address, types or [], everything, console))
    for job in ended:
        console.print(f"{job.type_name}: {job.done:,} gone through, {job.rewritten:,} rewritten.")
    failed = [f"{job.type_name}/{logical_id}" for job in ended for logical_id in job.failed]
    for name in failed[:SHOWN]:
        console.print(f"not indexed, its body cannot be read: {name}")
    if len(failed) > SHOWN:
        console.print(f"… and {len(failed) - SHOWN} more, listed in search.reindex")
    if failed:
        raise typer.Exit(1)
