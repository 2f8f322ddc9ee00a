"""`hie doctor`: refuses to call an installation ready that is not."""

import asyncio
import os
from typing import Annotated, Literal

import typer
from rich.console import Console

from hie.cli import readiness
from hie.cli.readiness import Finding
from hie.errors import Text
from hie.kit import migrations, postgres
from hie.kit.db import Database
from hie.settings import Settings, settings

READY = Text("Nothing stands against using this installation.", "未发现妨碍正式使用的问题。")
NOT_READY = Text(
    "NOT READY for real people's records: {count} problems.", "尚不能用于真实数据：{count} 个问题。"
)


async def _of_database(conninfo: str, chosen: Settings) -> list[Finding]:
    async with Database(conninfo, size=1) as database, database.connection() as connection:
        checks = (
            readiness.of_people,
            readiness.of_trail,
            readiness.of_storage,
            readiness.of_apps,
            readiness.of_keys,
        )
        found = [found for check in checks async for found in check(connection)]
        return [*found, *[one async for one in readiness.of_secrets(connection, chosen)]]


def examine() -> list[Finding]:
    """Everything that an operator should know; changes nothing."""
    chosen = settings()
    conninfo = postgres.conninfo(chosen)
    status = migrations.status(conninfo)
    found = [
        *readiness.of_address(chosen),
        *readiness.of_sign_in(chosen),
        *readiness.of_database_address(conninfo),
        *readiness.of_directory(chosen),
        *readiness.of_schema(status),
    ]
    # Without its newest tables the rest cannot be asked.
    return found if status.pending else [*found, *asyncio.run(_of_database(conninfo, chosen))]


def doctor(
    language: Annotated[
        Literal["en", "zh"] | None, typer.Option(help="Language; else that of the terminal.")
    ] = None,
) -> None:
    """Say what keeps this installation from being used with real people's records; exit status 1 then."""
    spoken = language or ("zh" if os.environ.get("LANG", "").startswith("zh") else "en")
    console = Console(soft_wrap=True, highlight=False)
    found = examine()
    for one in found:
        mark = "[red]✗[/red]" if one.problem else "[yellow]![/yellow]"
        console.print(f"{mark} {one.text.in_language(spoken)}")
    problems = sum(one.problem for one in found)
    if problems:
        console.print(NOT_READY.format(count=problems).in_language(spoken))
        raise typer.Exit(1)
    console.print(READY.in_language(spoken))
