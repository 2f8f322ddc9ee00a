"""Acting for somebody else: whom a resident may choose, and what only those who decide may do."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import orjson

from hie.access import representation
from hie.access.caller import Caller
from hie.access.representation import Representation
from hie.auth.launch import begin_launch
from hie.errors import problem
from hie.fhir.dates import date_range
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.records.exchange import Exchange
from hie.store.read import Condition, read

EVERYTHING = Condition("TRUE", {})


class Relative(NamedTuple):
    """Somebody for whom a resident acts, or who acts for the resident."""

    person: str
    name: str
    kind: str
    actions: tuple[str, ...]
    until: datetime
    number: int
    since: datetime


async def require_deciding(connection: Connection, caller: Caller) -> None:
    """Problem 403 for somebody who may read for the launch patient, but not decide."""
    person = caller.representative
    if person is None or caller.patient is None:
        return
    if not await representation.may(connection, caller.patient, person, "consent"):
        raise problem(
            403,
            "forbidden",
            "You may read this record; who looked and who may see is for the person to decide",
            "您可以查阅该档案；访问记录与授权由其本人管理",
        )


async def _golden(exchange: Exchange, person: str) -> dict[str, object]:
    row = await read(exchange.store.database, type_number("Patient"), person, EVERYTHING)
    if row is None or row.body is None:
        return {}
    golden: dict[str, object] = orjson.loads(exchange.store.bodies.expand(row.dictionary, row.body))
    return golden


async def name_of(exchange: Exchange, person: str) -> str:
    """What the person is called, "" if that is not known."""
    names = (await _golden(exchange, person)).get("name")
    return str(names[0].get("text", "")) if isinstance(names, list) and names else ""


async def birth_of(exchange: Exchange, person: str) -> date | None:
    """The day of birth; of what is known less exactly, the first that it can be."""
    born = (await _golden(exchange, person)).get("birthDate")
    if not isinstance(born, str):
        return None
    if len(born) < len("2000-01-01"):
        return date_range(born).low.astimezone(UTC).date()
    return date.fromisoformat(born)


async def _relatives(exchange: Exchange, found: list[Representation], *, of: str) -> list[Relative]:
    return [
        Relative(
            other,
            await name_of(exchange, other),
            one.kind,
            tuple(one.actions),
            one.until,
            one.number,
            one.since,
        )
        for one in found
        for other in (one.representative if one.person == of else one.person,)
    ]


async def acting_for(exchange: Exchange, resident: str) -> list[Relative]:
    """For whom the resident may act now."""
    async with exchange.store.database.connection() as connection:
        found = await representation.represented_by(connection, resident)
    return await _relatives(exchange, found, of=resident)


async def acting_for_me(exchange: Exchange, resident: str) -> list[Relative]:
    """Who acts for the resident, now or later."""
    async with exchange.store.database.connection() as connection:
        found = await representation.representatives_of(connection, resident)
    return await _relatives(exchange, found, of=resident)


async def launch_for(
    exchange: Exchange, *, client_id: str, account: str, resident: str, person: str
) -> str | None:
    """A launch context in which the resident's app works for the person; None if it may not."""
    async with exchange.store.database.transaction() as connection:
        if not await representation.may(connection, person, resident, "read"):
            return None
        return await begin_launch(connection, client_id=client_id, account=account, patient=person)


async def register_guardian(
    exchange: Exchange, *, child: str, guardian: str, basis: str, by: str
) -> None:
    """Register a guardian whose papers were seen. ValueError if the child has no date of birth."""
    born = await birth_of(exchange, child)
    if born is None:
        raise ValueError(f"there is no Patient/{child} with a date of birth")
    async with exchange.store.database.transaction() as connection:
        await representation.appoint_guardian(
            connection,
            person=child,
            guardian=guardian,
            born=born,
            basis=basis,
            by=by,
        )
