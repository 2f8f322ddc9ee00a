"""Acts of data stewards through the write door: links change, and with them only golden records.

In the one transaction of the act: the golden Patients, a Provenance for each, and an AuditEvent for
each person concerned. No clinical row is touched: links are resolved when somebody reads.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import orjson

from hie.access.caller import Caller
from hie.errors import problem
from hie.kit.db import Connection
from hie.mpi.link import Golden
from hie.mpi.steward import Done
from hie.records.accept import accept_in
from hie.records.disclosure import event
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.link_provenance import Interaction, provenance

Act = Callable[[Connection], Awaitable[Done]]
LONGEST_REASON = 500


def require_steward(caller: Caller, permission: Literal["r", "u"]) -> str:
    """The name under which the caller's acts are kept; Problem 403 unless it is a data steward.

    It takes a member of staff with that role, in an app that was granted the permission on Patient.
    """
    granted = any(
        scope.context == "user"
        and scope.type in ("*", "Patient")
        and permission in scope.permissions
        and not scope.query
        for scope in caller.scopes
    )
    if caller.kind != "staff" or "steward" not in caller.roles or not granted:
        raise problem(
            403,
            "forbidden",
            f"Only a data steward, with the scope user/Patient.{permission}, may do this",
            f"只有数据管理员（授权范围 user/Patient.{permission}）可以执行此操作",
        )
    return caller.user or caller.account or caller.client_id


def require_reason(reason: str) -> str:
    """The reason; Problem 422 without one, or with one that is too long."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise problem(
            422,
            "required",
            f"State a reason of at most {LONGEST_REASON} characters",
            f"请说明理由，最多 {LONGEST_REASON} 个字",
            "Parameters.parameter.where(name='reason')",
        )
    return reason.strip()


async def relink(
    exchange: Exchange, caller: Caller, interaction: Interaction, reason: str, act: Act
) -> Done:
    """Carry out the act with all that follows from it, or nothing."""
    async with exchange.store.database.transaction() as connection:
        return await relink_in(connection, exchange, caller, interaction, reason, act)


async def relink_in(
    connection: Connection,
    exchange: Exchange,
    caller: Caller,
    interaction: Interaction,
    reason: str,
    act: Act,
) -> Done:
    """The same inside a transaction, which must be rolled back when this raises."""
    done = await act(connection)
    # Golden records are the exchange's own; who made it write them stands in audit and Provenance.
    writer = replace(
        Caller.operator(),
        client_id=caller.client_id,
        account=caller.account,
        user=caller.user,
        network_address=caller.network_address,
        request_id=caller.request_id,
    )
    who: dict[str, Any] = {"identifier": {"value": caller.account or caller.client_id}}
    if caller.user is not None:
        who["reference"] = caller.user
    entries = [
        entry
        for golden in done.goldens
        for entry in _entries(golden, provenance(golden.person, interaction, reason, who))
    ]
    if entries:
        await accept_in(connection, exchange, writer, entries)
    concerned = [golden.person for golden in done.goldens] or [done.person]
    events = [
        event(
            caller,
            "E",
            interaction,
            person,
            entity_type="Patient",
            entity_id=person,
            reason=reason,
        )
        for person in concerned
    ]
    await exchange.audit.record_in(connection, events)
    return done


def _entries(golden: Golden, made: dict[str, Any]) -> list[Entry]:
    if golden.resource is None:
        return [Entry("DELETE", "Patient", golden.person)]
    return [
        Entry("PUT", "Patient", golden.person, orjson.dumps(golden.resource)),
        Entry("POST", "Provenance", None, orjson.dumps(made)),
    ]
