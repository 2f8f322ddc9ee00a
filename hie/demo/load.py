"""Sends the district into the exchange, every institution over its own channel at the same time.

Sending again is safe on every channel. A load that was interrupted, or that is to grow, passes over
the records whose last resource is already there.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from hie.demo.channels import Channel, Door, Mllp, Rest, Transactions
from hie.demo.credentials import Credentials
from hie.demo.district import District, Record, records
from hie.demo.institutions import INSTITUTIONS, Institution, directory
from hie.fhir.definitions import type_number
from hie.records.exchange import Exchange
from hie.store.read import Condition, read

EVERYTHING = Condition("TRUE", {})

Report = Callable[[Institution, int], None]  # so many more residents are through


@dataclass(frozen=True, slots=True)
class Route:
    """Where the exchange listens while the district is loaded."""

    http: str
    mllp_host: str
    mllp_port: int


async def send_directories(exchange: Exchange, numbers: dict[str, int]) -> None:
    """Every institution's departments and staff."""
    for one in INSTITUTIONS:
        await Door(exchange, numbers[one.code], one).put(directory(one))


async def _is_there(exchange: Exchange, record: Record) -> bool:
    *_, last = record.resources()
    async with exchange.store.database.connection() as connection:
        kind = type_number(last["resourceType"])
        return await read(connection, kind, last["id"], EVERYTHING) is not None


async def _send(
    exchange: Exchange,
    institution: Institution,
    channel: Channel,
    district: District,
    *,
    again: bool,
    report: Report,
) -> None:
    skip = again and institution.channel != "hl7v2"
    for home in district.households():
        for record in records(district, home):
            if record.registration.institution == institution.code and not (
                skip and await _is_there(exchange, record)
            ):
                await channel.send(record)
        report(institution, len(home.residents))


async def load(
    exchange: Exchange,
    district: District,
    credentials: Credentials,
    numbers: dict[str, int],
    route: Route,
    *,
    again: bool,
    report: Report,
) -> None:
    """Load the whole district; `again` if a part of it may be there. Raises an exception group."""
    public = exchange.settings.public_base_url
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for one in INSTITUTIONS:
            channel: Channel
            if one.channel == "bundle":
                channel = Door(exchange, numbers[one.code], one)
            elif one.channel == "hl7v2":
                channel = await Mllp.connect(stack, route.mllp_host, route.mllp_port)
            else:
                kind = Transactions if one.channel == "transaction" else Rest
                channel = await stack.enter_async_context(
                    kind(route.http, public, one, credentials)
                )
            tasks.create_task(_send(exchange, one, channel, district, again=again, report=report))
