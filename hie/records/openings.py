"""Opening a record, confirming its sensitive part, the resident's code, and reviews of emergencies.

All of it is on record under the person whose record it is. Definitions: docs/access.md
"""

from typing import NamedTuple

from hie.access import confirmation, emergency, opened_record, visit_code
from hie.access.caller import Caller
from hie.access.confirmation import Confirmation
from hie.access.emergency import Emergency
from hie.access.opened_record import Opener, Opening, check_reason
from hie.access.relationship import relationship
from hie.access.visit_code import VisitCode
from hie.audit.event import Event
from hie.errors import problem
from hie.mpi.people import current_person
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.fetch import fetch, missing
from hie.records.representation import require_deciding


class Stated(NamedTuple):
    """What a clinician states to open a record; `code` is what the resident said."""

    reason: str
    note: str
    code: str = ""
    hours: int | None = None


def require_clinician(caller: Caller) -> str:
    """The account of a clinician. Problem 403 for everybody else, other members of staff included."""
    if caller.kind != "staff" or caller.account is None or "clinician" not in caller.roles:
        raise problem(
            403,
            "forbidden",
            "Only a clinician opens a record with a reason",
            "只有医务人员可以说明理由后调阅档案",
        )
    return caller.account


def require_reviewer(caller: Caller) -> str:
    """The account of somebody who reviews emergencies. Problem 403 for everybody else."""
    if caller.kind != "staff" or caller.account is None or "reviewer" not in caller.roles:
        raise problem(
            403,
            "forbidden",
            "Only a reviewer of emergency access reviews emergency openings",
            "只有紧急调阅复核员可以审核紧急调阅",
        )
    return caller.account


def require_resident(caller: Caller) -> str:
    """The golden id of the resident whose token it is. Problem 403 for everybody else."""
    if caller.kind != "resident" or caller.patient is None:
        raise problem(403, "forbidden", "This is for residents", "此功能仅供居民本人使用")
    return caller.patient


def _event(caller: Caller, interaction: str, patient: str, purpose: str | None, note: str) -> Event:
    return event(
        caller,
        "E",
        interaction,
        patient,
        entity_type="Patient",
        entity_id=patient,
        purpose=purpose,
        reason=note or None,
    )


async def _person(exchange: Exchange, caller: Caller, patient: str) -> str:
    await fetch(exchange, caller, "Patient", patient)
    async with exchange.store.database.connection() as connection:
        person = await current_person(connection, patient)
    if person is None:
        raise missing("Patient", patient)
    return person


async def open_record(exchange: Exchange, caller: Caller, patient: str, stated: Stated) -> Opening:
    """Open the person's record to the clinician. Problem 403, 404 or 422."""
    account = require_clinician(caller)
    check_reason(stated.reason, stated.note, stated.hours)
    person = await _person(exchange, caller, patient)
    database = exchange.store.database
    if stated.code:
        # A transaction of its own: a wrong code counts although the opening is refused.
        async with database.transaction() as connection:
            right = await visit_code.use_visit_code(connection, person, account, stated.code)
        if not right:
            raise problem(
                403,
                "forbidden",
                "The code is wrong, used or too old; ask the person for a new one",
                "授权码错误、已使用或已过期，请向本人重新索取",
                "Parameters.parameter.where(name='code')",
            )
    async with database.transaction() as connection:
        basis = await relationship(
            connection,
            exchange.store.hasher,
            person=person,
            account=account,
            institution=caller.institution,
            days=exchange.settings.relationship_days,
        )
        opening = await opened_record.open_record(
            connection,
            Opener(account, caller.client_id, caller.institution),
            patient=patient,
            reason=stated.reason,
            note=stated.note,
            basis=basis,
            hours=stated.hours,
        )
        interaction = "open-record-emergency" if opening.emergency else "open-record"
        one = _event(caller, interaction, person, opening.reason, opening.note)
        await exchange.audit.record_in(connection, [one])
    return opening


async def close_record(exchange: Exchange, caller: Caller, patient: str) -> None:
    """End the clinician's own openings of the record now."""
    account = require_clinician(caller)
    async with exchange.store.database.transaction() as connection:
        await opened_record.close_record(connection, account, patient)
        await confirmation.end(connection, account, patient)


async def confirm_sensitive(
    exchange: Exchange, caller: Caller, patient: str, note: str
) -> Confirmation:
    """Show the clinician the sensitive part of the record that is open. Problem 403, 404 or 422."""
    account = require_clinician(caller)
    person = await _person(exchange, caller, patient)
    async with exchange.store.database.transaction() as connection:
        confirmed = await confirmation.confirm(connection, account, person, note)
        one = _event(caller, "confirm-sensitive", person, None, confirmed.note)
        await exchange.audit.record_in(connection, [one])
    return confirmed


async def make_visit_code(exchange: Exchange, caller: Caller) -> VisitCode:
    """A code for the resident to say to the clinician in the room. Problem 403."""
    patient = require_resident(caller)
    async with exchange.store.database.transaction() as connection:
        await require_deciding(connection, caller)
        person = await current_person(connection, patient) or patient
        made = await visit_code.new_visit_code(connection, person)
        await exchange.audit.record_in(connection, [_event(caller, "visit-code", person, None, "")])
    return made


async def waiting_emergencies(exchange: Exchange, caller: Caller) -> list[Emergency]:
    """Emergency openings that wait for a review. Problem 403."""
    require_reviewer(caller)
    async with exchange.store.database.connection() as connection:
        found = await emergency.unreviewed(connection)
    await exchange.audit.record(
        *(_event(caller, "emergencies", person, None, "") for person in {e.patient for e in found})
    )
    return found


async def review_emergency(
    exchange: Exchange, caller: Caller, *, number: int, verdict: str, remark: str
) -> None:
    """Close an emergency opening with a verdict. Problem 403, 404 or 422."""
    reviewer = require_reviewer(caller)
    async with exchange.store.database.transaction() as connection:
        patient = await emergency.review_emergency(
            connection, number=number, reviewer=reviewer, verdict=verdict, remark=remark
        )
        one = _event(caller, "review-emergency", patient, None, f"{verdict}: {remark}")
        await exchange.audit.record_in(connection, [one])


async def own_emergencies(exchange: Exchange, caller: Caller) -> list[Emergency]:
    """The emergency openings of the resident's own record; asking marks them as seen. Problem 403."""
    patient = require_resident(caller)
    async with exchange.store.database.transaction() as connection:
        await require_deciding(connection, caller)
        person = await current_person(connection, patient) or patient
        found = await emergency.emergencies_of(connection, person)
        await emergency.mark_seen(connection, person)
    return found
