"""Residents appoint and end proxies themselves. Definitions: docs/access.md

All of it is about the resident who is signed in, whoever is being shown, and is on record in the
trail of the person for whom somebody acts.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from hie.access import invitation, representation
from hie.access.caller import Caller, Permission
from hie.access.invitation import Invitation
from hie.audit.event import Event
from hie.errors import Problem, problem
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.mpi.people import current_person
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.representation import (
    Relative,
    acting_for,
    acting_for_me,
    birth_of,
    name_of,
)

ADULT = 18
CHINA = timezone(timedelta(hours=8))


class Household(NamedTuple):
    """Who acts for a resident, for whom the resident acts, and who is invited."""

    person: str
    for_me: list[Relative]
    acting: list[Relative]
    invited: list[Invitation]


async def _own(connection: Connection, caller: Caller, permission: Permission) -> str:
    """The resident who is signed in. Problem 403 for everybody else and for too small a scope."""
    own = caller.user.removeprefix("Patient/") if caller.user else caller.patient
    if caller.kind != "resident" or own is None:
        raise problem(403, "forbidden", "This is for residents", "此功能仅供居民本人使用")
    if not caller.permits(permission, "Consent"):
        raise problem(
            403,
            "forbidden",
            f"The token needs patient/Consent.{permission}",
            f"令牌缺少权限 patient/Consent.{permission}",
        )
    return await current_person(connection, own) or own


def _event(caller: Caller, interaction: str, person: str, reason: str) -> Event:
    return event(
        caller,
        "E",
        interaction,
        person,
        entity_type="Patient",
        entity_id=person,
        reason=reason or None,
    )


def _end_of(day: str) -> datetime:
    """The end of a day in China. Problem 422."""
    try:
        last = datetime.combine(date.fromisoformat(day), time(), CHINA).astimezone(UTC)
        return last + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise _wrong("a proxy ends on a day such as 2027-06-30", "until") from error


def _wrong(reason: str, name: str) -> Problem:
    return problem(
        422,
        "business-rule",
        f"This cannot be allowed: {reason}",
        "该授权内容不符合要求：须填写姓名、权限，期限不超过两年",
        f"Parameters.parameter.where(name='{name}')",
    )


def _adult(born: date | None) -> bool:
    if born is None:
        return False
    today = now().astimezone(CHINA).date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age >= ADULT


async def _require_adult(exchange: Exchange, person: str) -> None:
    if not _adult(await birth_of(exchange, person)):
        raise problem(
            403,
            "forbidden",
            "Only adults appoint proxies, and only adults are",
            "仅成年人可以委托代理人或担任代理人",
        )


async def invite(
    exchange: Exchange, caller: Caller, *, name: str, actions: list[str], until: str
) -> tuple[Invitation, str]:
    """Invite somebody of this name; gives the code to hand over. Problem 403 or 422."""
    end = _end_of(until)
    async with exchange.store.database.transaction() as connection:
        person = await _own(connection, caller, "c")
        await _require_adult(exchange, person)
        try:
            made = await invitation.invite(
                connection, person=person, name=name, actions=actions, until=end
            )
        except ValueError as error:
            raise _wrong(str(error), "action") from error
        one = _event(caller, "invite-proxy", person, f"{made[0].name}: {' '.join(made[0].actions)}")
        await exchange.audit.record_in(connection, [one])
    return made


async def _found(
    exchange: Exchange, connection: Connection, person: str, code: str
) -> Invitation | None:
    name = await name_of(exchange, person)
    return await invitation.find_invitation(connection, code, reader=person, name=name)


def _no_invitation() -> Problem:
    return problem(
        404,
        "not-found",
        "The code is wrong, used or too old, or meant for somebody of another name",
        "邀请码错误、已使用或已过期，或受邀人姓名不符",
        "Parameters.parameter.where(name='code')",
    )


async def look_at_invitation(
    exchange: Exchange, caller: Caller, code: str
) -> tuple[Invitation, str]:
    """The invitation of the code and the inviter's name, before it is accepted. Problem 403, 404."""
    async with exchange.store.database.transaction() as connection:
        person = await _own(connection, caller, "c")
        found = await _found(exchange, connection, person, code)
    if found is None:  # after the commit: a wrong name has counted
        raise _no_invitation()
    return found, await name_of(exchange, found.person)


async def accept_invitation(exchange: Exchange, caller: Caller, code: str) -> Invitation:
    """Act for the inviter from now on. Problem 403 or 404."""
    async with exchange.store.database.transaction() as connection:
        person = await _own(connection, caller, "c")
        await _require_adult(exchange, person)
        found = await _found(exchange, connection, person, code)
        if found is not None:
            await invitation.accept(connection, found, person)
            reason = f"{found.name}: {' '.join(found.actions)}"
            one = _event(caller, "accept-proxy", found.person, reason)
            await exchange.audit.record_in(connection, [one])
    if found is None:
        raise _no_invitation()
    return found


async def household(exchange: Exchange, caller: Caller) -> Household:
    """Both lists and the invitations that wait. Problem 403."""
    async with exchange.store.database.connection() as connection:
        person = await _own(connection, caller, "r")
        waiting = await invitation.invitations_of(connection, person)
    return Household(
        person,
        await acting_for_me(exchange, person),
        await acting_for(exchange, person),
        waiting,
    )


async def end(exchange: Exchange, caller: Caller, number: int, *, invited: bool) -> None:
    """End a representation that the resident is a party to, or an own invitation. Problem 403, 404."""
    async with exchange.store.database.transaction() as connection:
        person = await _own(connection, caller, "u")
        if invited:
            whose = person if await invitation.withdraw(connection, number, person) else None
        else:
            whose = await representation.end_representation(connection, number, person)
        if whose is None:
            raise problem(
                404, "not-found", f"There is no {number} of yours", f"没有属于您的编号 {number}"
            )
        interaction = "withdraw-invitation" if invited else "end-representation"
        await exchange.audit.record_in(
            connection, [_event(caller, interaction, whose, str(number))]
        )
