"""`hie ingest`: who may send HL7 v2 messages, what arrived, and what is in quarantine."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from hie.ingest.files import take_in
from hie.ingest.hl7v2.batch import Batch, split
from hie.ingest.hl7v2.fault import MessageError
from hie.ingest.hl7v2.message import parse
from hie.ingest.quality import counts
from hie.ingest.quarantine import quarantined, replay, show
from hie.ingest.reason import Reason
from hie.ingest.sender import register_sender, senders
from hie.kit import postgres
from hie.kit.db import Connection, Database
from hie.settings import settings
from hie.store.institutions import institution_by_code

application = typer.Typer(help="Incoming HL7 v2 messages.", no_args_is_help=True)
quarantine = typer.Typer(help="Messages that could not be accepted.", no_args_is_help=True)
sender = typer.Typer(help="Who may send HL7 v2 messages.", no_args_is_help=True)
application.add_typer(quarantine, name="quarantine")
application.add_typer(sender, name="sender")
console = Console()

LARGEST_NUMBER = 2**63 - 1
"""What the database can number."""

T = TypeVar("T")


def _with_connection(work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        conninfo = postgres.conninfo(settings())
        async with Database(conninfo, size=1) as database, database.connection() as connection:
            return await work(connection)

    return asyncio.run(run())


def _say(reason: Reason | None) -> str:
    """The reason in both languages, a problem a line."""
    lines = []
    for one in reason or []:
        where = f"{one['where']}: " if one["where"] else ""
        lines.append(f"{where}{one['en']} {one['zh']}")
    return "\n".join(lines)


@application.command()
def status(
    days: Annotated[int, typer.Option(min=1, max=36500, help="How far to look back.")] = 1,
) -> None:
    """Count what each institution sent, what was accepted and how long that took."""
    table = Table("institution", "type", "received", "done", "waiting", "quarantined", "p95 delay")
    for one in _with_connection(lambda c: counts(c, timedelta(days=days))):
        delay = "" if one.delay is None else f"{one.delay:.2f} s"
        numbers = map(str, (one.received, one.done, one.waiting, one.quarantined))
        table.add_row(f"{one.institution} {one.name}", one.message_type, *numbers, delay)
    console.print(table)


@application.command()
def file(
    paths: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Files.")],
) -> None:
    """Put files of HL7 v2 messages (one after another, or FHS/BHS batches) into the inbox.

    The running worker carries them out. Take the same file again after an interruption: what is
    there already is not taken twice.
    """
    complete = True
    for path in paths:
        try:
            batch = split(path.read_bytes())
        except OSError as error:
            complete = False
            console.print(f"{path}: {error.strerror}; nothing was taken in.", markup=False)
            continue
        if not batch.messages and batch.announced is None:
            complete = False
            console.print(f"{path}: there is no HL7 v2 message in it.", markup=False)
        elif batch.is_complete:
            complete = asyncio.run(_take_in(path, batch)) and complete
        else:
            complete = False
            console.print(
                f"{path}: {len(batch.messages)} messages, but the trailers announce "
                f"{batch.announced}; nothing was taken in.",
                markup=False,
            )
    if not complete:
        raise typer.Exit(1)


async def _take_in(path: Path, batch: Batch) -> bool:
    """Take in one file; whether nothing was refused."""
    kept, refused = 0, 0
    async with Database(postgres.conninfo(settings()), size=1) as database:
        with Progress(console=console) as progress:
            task = progress.add_task(escape(path.name), total=len(batch.messages))
            async for taken in take_in(database, batch.messages):
                kept += taken.kept
                refused += len(taken.refused)
                for one in taken.refused:
                    progress.console.print(
                        f"{path}: message {one.number} ({one.control_id}): {one.text.en} {one.text.zh}",
                        markup=False,
                    )
                progress.advance(task, taken.kept + len(taken.refused))
    console.print(
        f"{path}: {kept} messages taken in, {refused} refused.", soft_wrap=True, markup=False
    )
    return refused == 0


@quarantine.command("list")
def list_(
    institution: Annotated[str | None, typer.Option(help="Code of one institution.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 100,
) -> None:
    """List the oldest messages in quarantine, with the reasons."""
    table = Table("number", "institution", "control id", "type", "received", "reason")
    for one in _with_connection(lambda c: quarantined(c, institution=institution, limit=limit)):
        received = one.received.isoformat(timespec="seconds")
        cells = (str(one.id), one.institution, one.control_id, one.message_type, received)
        table.add_row(*cells, _say(one.reason))
    console.print(table)


@quarantine.command("show")
def show_(
    number: Annotated[int, typer.Argument(min=0, max=LARGEST_NUMBER)],
    raw: Annotated[bool, typer.Option(help="Only the text, to mend it in a file.")] = False,
) -> None:
    """Show one message with its reason; its segments stand on lines of their own."""
    try:
        one = _with_connection(lambda c: show(c, number))
    except LookupError as error:
        raise typer.BadParameter(str(error)) from error
    body = one.mended or one.body
    if raw:
        sys.stdout.buffer.write(body)
        return
    console.print(f"{one.institution} {one.message_type} {one.control_id}: {one.state}")
    console.print(_say(one.reason), markup=False)
    text = body.decode("utf-8", "replace").replace("\r", "\n")
    console.print(text, markup=False, highlight=False)


@quarantine.command("replay")
def replay_(
    number: Annotated[
        int | None,
        typer.Argument(min=0, max=LARGEST_NUMBER, help="One message; otherwise many."),
    ] = None,
    institution: Annotated[str | None, typer.Option(help="All of one institution.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    mended: Annotated[
        Path | None, typer.Option(exists=True, help="The corrected text of the message.")
    ] = None,
) -> None:
    """Let messages be processed again by the running worker, one of them corrected if need be."""
    if sum((number is not None, institution is not None, every)) != 1:
        raise typer.BadParameter("give a number, or --institution, or --all")
    body = None
    if mended is not None:
        if number is None:
            raise typer.BadParameter("--mended goes with the number of one message")
        body = mended.read_bytes()
        try:
            parse(body)
        except MessageError as error:
            raise typer.BadParameter(f"{mended}: {error}") from error
    count = _with_connection(
        lambda c: replay(c, number=number, institution=institution, mended=body)
    )
    console.print(f"{count} messages wait to be processed again.")


@sender.command("add")
def add(
    facility: Annotated[str, typer.Argument(help="What the sender writes in MSH-4.")],
    institution: Annotated[str, typer.Argument(help="Code of the institution it sends for.")],
    app: Annotated[
        str, typer.Option("--application", help="What it writes in MSH-3; empty: anything.")
    ] = "",
    network: Annotated[
        list[str] | None, typer.Option(help="Where it may connect from, such as 10.1.0.0/16.")
    ] = None,
) -> None:
    """Register a sender, or change one."""
    for one in network or ():
        try:
            ip_network(one)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    async def work(connection: Connection) -> bool:
        found = await institution_by_code(connection, institution)
        if found is None:
            return False
        await register_sender(
            connection, facility, found.number, application=app, networks=network or ()
        )
        return True

    if not _with_connection(work):
        raise typer.BadParameter(f"there is no institution with the code {institution}")
    console.print(f"{facility} sends for {institution}.")


@sender.command("list")
def list_senders() -> None:
    """List the registered senders."""
    table = Table("facility", "application", "institution", "networks")
    for one in _with_connection(senders):
        networks = ", ".join(one.networks) or "any"
        table.add_row(one.facility, one.application or "any", one.institution, networks)
    console.print(table)
