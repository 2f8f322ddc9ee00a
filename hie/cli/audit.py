"""`hie audit`: prints the daily root, checks the trail, drops what is too old."""

import asyncio
from datetime import date, timedelta
from typing import Annotated

import typer
from psycopg.errors import InsufficientPrivilege

from hie.audit import retention
from hie.audit.roots import Root, daily_roots
from hie.audit.seal import seal
from hie.audit.verify import Finding, Report
from hie.audit.verify import verify as check
from hie.kit import migrations, postgres
from hie.kit.clock import instant, now
from hie.kit.db import Database
from hie.settings import Settings, settings

application = typer.Typer(help="The audit trail: its roots and whether it is whole.")

WORDS = {
    "altered": "row {number} of {moment} was altered",
    "deleted": "row {number} of {moment} was deleted",
    "inserted": "row {number} with the time {moment} was inserted afterwards",
    "backdated": "row {number} was inserted with a time of the past, {moment}",
    "seal-altered": "seal {number} of {moment} was altered",
    "seal-missing": "seal {number}, before {moment}, is missing",
    "root-differs": "the root of {day} is not the one that was noted",
}
MOST_SHOWN = 20


def _conninfo(chosen: Settings) -> str:
    address = postgres.conninfo(chosen)
    migrations.upgrade(address)
    return address


async def _roots(conninfo: str, chosen: Settings, days: int) -> list[Root]:
    async with Database(conninfo, size=1) as database:
        await seal(database, chosen.audit_hash)
        async with database.connection() as connection:
            return await daily_roots(connection, days)


async def _verify(conninfo: str, chosen: Settings, roots: dict[date, bytes]) -> Report:
    async with Database(conninfo, size=1) as database:
        async with database.connection() as connection:
            report = await check(connection, roots)
        # After the check: what a forger put in must not be sealed by looking for it.
        await seal(database, chosen.audit_hash)
        return report


async def _retire(conninfo: str, chosen: Settings) -> list[str]:
    async with Database(conninfo, size=1) as database:
        await seal(database, chosen.audit_hash)
        async with database.connection() as connection:
            return await retention.retire(connection, now() - timedelta(days=chosen.audit_days))


def _noted(roots: list[str]) -> dict[date, bytes]:
    noted: dict[date, bytes] = {}
    for one in roots:
        day, _, value = one.partition("=")
        try:
            noted[date.fromisoformat(day)] = bytes.fromhex(value)
        except ValueError as error:
            raise typer.BadParameter(f"not DATE=HEX: {one}", param_hint="--root") from error
    return noted


def _words(finding: Finding) -> str:
    moment = instant(finding.moment) if finding.moment else ""
    day = date.fromordinal(finding.number) if finding.kind == "root-differs" else ""
    return WORDS[finding.kind].format(number=finding.number, moment=moment, day=day)


@application.command()
def root(
    days: Annotated[int, typer.Option(min=1, max=4000, help="How many days to look back.")] = 1,
) -> None:
    """Seal what is recorded and print the root of each day: note it where nobody can change it."""
    chosen = settings()
    for one in asyncio.run(_roots(_conninfo(chosen), chosen, days)):
        print(f"{one.day.isoformat()} {one.algorithm} {one.position} {one.root}")


@application.command()
def verify(
    root: Annotated[
        list[str], typer.Option(help="A root that was noted, as DATE=HEX; may be repeated.")
    ] = [],  # noqa: B006 - Typer reads the default and never changes it
) -> None:
    """Check every sealed row and seal; name the first that was altered, deleted or inserted."""
    chosen = settings()
    report = asyncio.run(_verify(_conninfo(chosen), chosen, _noted(root)))
    print(
        f"{report.seals} seals, {report.rows} rows checked, {report.retired} retired, "
        f"{report.unsealed} not yet sealed"
    )
    if report.first is None:
        print("the trail is whole")
        return
    print(f"first: {_words(report.first)}")
    for finding in report.findings[1:MOST_SHOWN]:
        print(f"  also: {_words(finding)}")
    if len(report.findings) > MOST_SHOWN:
        print(f"  and {len(report.findings) - MOST_SHOWN} more")
    raise typer.Exit(1)


@application.command()
def retire() -> None:
    """Drop whole months that are older than HIE_AUDIT_DAYS; never any of the last 183 days."""
    chosen = settings()
    try:
        for name in asyncio.run(_retire(_conninfo(chosen), chosen)):
            print(name)
    except InsufficientPrivilege as error:
        raise typer.BadParameter(str(error.diag.message_primary)) from error
