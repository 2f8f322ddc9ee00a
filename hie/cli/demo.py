"""`hie demo`: a whole synthetic district on this machine."""

import asyncio
import signal
from typing import Annotated

import typer
from rich.console import Console

from hie.demo.processes import DiedError
from hie.demo.run import DemoError, Wanted
from hie.demo.run import demo as running_demo
from hie.kit import migrations, postgres
from hie.kit.secret_key import SecretKeyError
from hie.settings import Settings, settings

TROUBLE = (
    DemoError,
    DiedError,
    postgres.EmbeddedDatabaseError,
    migrations.MigrationError,
    SecretKeyError,
)


async def _until_stopped(chosen: Settings, wanted: Wanted, console: Console, stay: bool) -> None:
    """Run the demo until SIGINT or SIGTERM; these also end it while it is still loading."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made it
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    async with running_demo(chosen, wanted, console) as processes:
        if stay:
            await processes.wait()


def demo(
    residents: Annotated[
        int | None, typer.Option(min=1, help="How many residents; 300 at first.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Which district; 1 at first.")] = None,
    exit_when_loaded: Annotated[
        bool, typer.Option("--exit", help="End when the district is loaded.")
    ] = False,
) -> None:
    """Bring up a synthetic district: database, records, web server and HL7 v2 listener.

    The first start loads it; later starts find it loaded. More residents may be asked for later.
    """
    chosen = settings()
    console = Console()
    try:
        asyncio.run(
            _until_stopped(chosen, Wanted(residents, seed), console, stay=not exit_when_loaded)
        )
    except asyncio.CancelledError:
        console.print("Stopped 已停止")
    except TROUBLE as error:
        console.print(f"hie demo: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    finally:
        if chosen.database_url is None:
            postgres.stop(postgres.data_directory(chosen))
