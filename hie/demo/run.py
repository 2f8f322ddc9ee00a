"""`hie demo` from beginning to end: database, schema, district, web server and worker."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from hie.demo.credentials import Credentials, open_credentials
from hie.demo.district import DEFAULT_RESIDENTS, DEFAULT_SEED, District
from hie.demo.institutions import H2, INSTITUTIONS, Institution
from hie.demo.load import Route, load, send_directories
from hie.demo.marker import Marker, read_marker, write_marker
from hie.demo.processes import Processes, Ready
from hie.demo.registry import register_accounts, register_senders
from hie.demo.welcome import welcome
from hie.ingest.inbox import count_waiting
from hie.ingest.quarantine import quarantined
from hie.kit import migrations, postgres
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings

QUEUE_INTERVAL = 0.2


class DemoError(RuntimeError):
    """The demo cannot be started as asked; the message says why."""


class Wanted(NamedTuple):
    """What the command line asks for; None: what is there, or else the default."""

    residents: int | None = None
    seed: int | None = None


class Plan(NamedTuple):
    """The district to bring up, whether anything must be sent, and whether a part may be there."""

    district: District
    load: bool
    again: bool


def decide(wanted: Wanted, marker: Marker | None, today: date) -> Plan:
    """What to do, given what was loaded before. Raises DemoError for another seed."""
    if marker is None:
        district = District(
            DEFAULT_SEED if wanted.seed is None else wanted.seed,
            wanted.residents or DEFAULT_RESIDENTS,
            today,
        )
        return Plan(district, load=True, again=False)
    there = marker.district
    if wanted.seed not in (None, there.seed):
        raise DemoError(
            f"The database holds the district of seed {there.seed}. "
            "Set HIE_DATA_DIRECTORY to an empty directory for another one."
        )
    residents = max(there.residents, wanted.residents or 0)
    grows = residents > there.residents
    district = District(there.seed, residents, there.until)
    return Plan(district, load=grows or not marker.complete, again=True)


async def _drain(exchange: Exchange, progress: Progress) -> None:
    """Wait until the worker has carried out every message that was acknowledged."""
    task = progress.add_task("HL7 v2 inbox 收件箱", total=None)
    most = 0
    while True:
        async with exchange.store.database.connection() as connection:
            waiting = await count_waiting(connection)
        most = max(most, waiting)
        progress.update(task, total=most or 1, completed=most - waiting if most else 1)
        if waiting == 0:
            break
        await asyncio.sleep(QUEUE_INTERVAL)
    async with exchange.store.database.connection() as connection:
        refused = await quarantined(connection, institution=H2)
    if refused:
        raise DemoError(
            f"{len(refused)} messages are in quarantine; `hie ingest quarantine list` shows them"
        )


async def bring_up(
    exchange: Exchange,
    credentials: Credentials,
    numbers: dict[str, int],
    plan: Plan,
    *,
    route: Route,
    console: Console,
) -> float:
    """Load what is missing, with a progress bar for each institution; gives the seconds taken."""
    begun = time.perf_counter()
    if not plan.load:
        return 0.0
    await write_marker(exchange, Marker(plan.district, complete=False))
    await send_directories(exchange, numbers)
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        tasks = {
            one.code: progress.add_task(f"{one.code} {one.name}", total=plan.district.residents)
            for one in INSTITUTIONS
        }

        def report(institution: Institution, residents: int) -> None:
            progress.advance(tasks[institution.code], residents)

        try:
            await load(
                exchange, plan.district, credentials, numbers, route,
                again=plan.again, report=report,
            )  # fmt: skip
        except ExceptionGroup as group:
            reasons = "; ".join(str(error) for error in group.exceptions)
            raise DemoError(f"the district could not be loaded: {reasons}") from group
        await _drain(exchange, progress)
    await write_marker(exchange, Marker(plan.district, complete=True))
    return time.perf_counter() - begun


def _reachable(host: str) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


@asynccontextmanager
async def demo(settings: Settings, wanted: Wanted, console: Console) -> AsyncIterator[Processes]:
    """The district, running and loaded, until the end of the block. Raises DemoError, DiedError."""
    address = postgres.conninfo(settings)
    migrations.upgrade(address)
    directory = postgres.data_directory(settings)
    credentials, anew = open_credentials(directory)
    route = Route(
        f"http://{_reachable(settings.host)}:{settings.port}",
        _reachable(settings.mllp_host),
        settings.mllp_port,
    )
    # The children reach the same database, whether embedded or not.
    os.environ["HIE_DATABASE_URL"] = address
    # Whoever tries the demo has the printed logins and no authenticator; `hie doctor` names both.
    os.environ.setdefault("HIE_STAFF_SECOND_FACTOR", "offered")
    os.environ.setdefault("HIE_STAFF_APPS", "any")
    async with Processes(directory) as processes, open_exchange(settings, address) as exchange:
        plan = decide(wanted, await read_marker(exchange), datetime.now(UTC).date())
        numbers = await register_senders(exchange, credentials)
        web = Ready(_reachable(settings.host), settings.port, "/fhir/metadata")
        await processes.start("serve", web)
        await processes.start("worker", Ready(route.mllp_host, route.mllp_port))
        seconds = await bring_up(exchange, credentials, numbers, plan, route=route, console=console)
        patient = await register_accounts(exchange, credentials, numbers, anew=anew)
        welcome(console, settings, credentials, plan.district, patient=patient, seconds=seconds)
        yield processes
