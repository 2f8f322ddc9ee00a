"""The audit trail as AuditEvents: a resident's own log, and everything for auditors; nobody else's.

https://hl7.org/fhir/R4/auditevent.html; what a resident should learn: by name, when, for which
institution, why.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from hie.access.caller import Caller
from hie.access.policy import require
from hie.audit.event import Event, Recorded
from hie.audit.fhir import Known, audit_event
from hie.audit.rows import COLUMNS
from hie.errors import Problem, problem
from hie.fhir.dates import date_range
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.records.bundle import Link, bundle, found
from hie.records.cursor import sign, verify
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.fetch import missing
from hie.records.representation import require_deciding

MOST = 200
DEFAULT = 50
CURSOR = "_cursor"

SELECT = f"""
SELECT e.number, {", ".join(f"e.{name}" for name in COLUMNS)}, a.display_name, i.code, i.name
FROM audit.event e
LEFT JOIN auth.account a ON a.login = e.account
LEFT JOIN store.institution i ON i.number = e.institution
"""
SEARCH = f"""{SELECT}
WHERE (%(patient)s::text IS NULL OR e.patient = ANY(ARRAY(
          SELECT p.id FROM mpi.person p WHERE p.id = %(patient)s OR p.merged_into = %(patient)s)))
  AND e.recorded >= %(since)s AND e.recorded < %(until)s
  AND (%(action)s::text IS NULL OR e.action = %(action)s)
  AND (%(account)s::text IS NULL OR e.account = %(account)s)
  AND (%(agent)s::text IS NULL OR e.fhir_user = %(agent)s)
  AND e.number < %(before)s
ORDER BY e.number DESC LIMIT %(limit)s
"""
READ = f"{SELECT} WHERE e.number = %s"

BEGINNING, END = date_range("1970").low, date_range("9998").high


class Asked(NamedTuple):
    """A search of the trail, newest first."""

    patient: str | None = None
    since: datetime = BEGINNING
    until: datetime = END
    action: str | None = None
    account: str | None = None
    agent: str | None = None
    limit: int = DEFAULT


def reads_trail(caller: Caller) -> bool:
    """Whether AuditEvent means the exchange's own trail to this caller."""
    return caller.kind == "resident" or "auditor" in caller.roles


def _unsupported(name: str, value: str) -> Problem:
    return problem(
        400,
        "not-supported",
        f"The audit trail is searched by patient, date, action, altid, agent, _count and _sort=-date; "
        f"'{name}={value[:80]}' is none of these",
        f"审计日志可按 patient、date、action、altid、agent、_count 与 _sort=-date 检索，不支持“{name}={value[:80]}”",
        name,
    )


def parse_asked(pairs: Sequence[tuple[str, str]]) -> Asked:
    """The search that the parameters ask for. Problem 400."""
    asked = Asked()
    for name, value in pairs:
        if "\0" in value:
            raise problem(400, "value", f"'{name}' holds a NUL", f"参数“{name}”中含有空字符", name)
        if name in ("patient", "entity"):
            asked = asked._replace(patient=value.removeprefix("Patient/"))
        elif name == "action" and value in ("C", "R", "U", "D", "E"):
            asked = asked._replace(action=value)
        elif name == "altid" and value:
            asked = asked._replace(account=value)
        elif name == "agent" and value:
            asked = asked._replace(agent=value)
        elif name == "_count" and value.isascii() and value.isdigit() and len(value) < 9:
            asked = asked._replace(limit=max(1, min(int(value), MOST)))
        elif name == "date":
            asked = _dated(asked, value)
        elif (name, value) != ("_sort", "-date"):
            raise _unsupported(name, value)
    return asked


def _dated(asked: Asked, value: str) -> Asked:
    prefix = value[:2] if value[:2].isalpha() else "eq"
    try:
        low, high = date_range(value.removeprefix(prefix))
    except ValueError as error:
        raise _unsupported("date", value) from error
    match prefix:
        case "eq":
            return asked._replace(since=max(low, asked.since), until=min(high, asked.until))
        case "ge":
            return asked._replace(since=max(low, asked.since))
        case "gt" | "sa":
            return asked._replace(since=max(high, asked.since))
        case "le":
            return asked._replace(until=min(high, asked.until))
        case "lt" | "eb":
            return asked._replace(until=min(low, asked.until))
    raise _unsupported("date", value)


def _known(row: Sequence[Any]) -> tuple[Recorded, Known]:
    width = len(COLUMNS) + 1
    event_of_row = Event(**dict(zip(COLUMNS, row[1:width], strict=True)))
    return Recorded(row[0], event_of_row), Known(*row[width:])


def _own(caller: Caller, asked: Asked) -> Asked:
    """A resident's search is for the own record, whatever it says."""
    if caller.kind != "resident":
        return asked
    if asked.patient not in (None, caller.patient):
        raise problem(
            403,
            "forbidden",
            "Residents read the log of their own record",
            "居民只能查看本人档案的访问记录",
        )
    return asked._replace(patient=caller.patient)


async def search_trail(
    exchange: Exchange, caller: Caller, pairs: Sequence[tuple[str, str]]
) -> bytes:
    """A searchset of AuditEvents, newest first. Problem 400, 403."""
    require(caller, "s", "AuditEvent")
    signed = next((value for name, value in pairs if name == CURSOR), None)
    shown = [pair for pair in pairs if pair[0] != CURSOR]
    asked = _own(caller, parse_asked(shown))
    applied = "AuditEvent" + (f"?{urlencode(shown)}" if shown else "")
    before = int(verify(exchange.cursor_key, caller, applied, signed)) if signed else 2**62
    async with exchange.store.database.connection() as connection:
        await require_deciding(connection, caller)
        rows = await _select(connection, asked, before)
    base = exchange.settings.fhir_base
    entries = []
    for row, known in rows[: asked.limit]:
        body = audit_event(row, server=exchange.settings.public_base_url, known=known)
        entries.append(found(base, "AuditEvent", str(row.number), orjson.dumps(body), "match"))
    links = [Link("self", f"{base}/{applied}")]
    if len(rows) > asked.limit:
        token = sign(exchange.cursor_key, caller, applied, str(rows[asked.limit - 1][0].number))
        links.append(
            Link("next", f"{base}/{applied}{'&' if shown else '?'}{urlencode({CURSOR: token})}")
        )
    await exchange.audit.record(
        event(caller, "E", "search-type", asked.patient, entity_type="AuditEvent", query=applied)
    )
    return bundle("searchset", entries, links=links, moment=now())


async def _select(
    connection: Connection, asked: Asked, before: int
) -> list[tuple[Recorded, Known]]:
    cursor = await connection.execute(
        SEARCH, {**asked._asdict(), "before": before, "limit": asked.limit + 1}
    )
    return [_known(row) for row in await cursor.fetchall()]


async def read_trail(exchange: Exchange, caller: Caller, number: str) -> bytes:
    """One AuditEvent of the trail. Problem 403, 404."""
    require(caller, "r", "AuditEvent")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise missing("AuditEvent", number)
    async with exchange.store.database.connection() as connection:
        await require_deciding(connection, caller)
        cursor = await connection.execute(READ, (int(number),))
        row = await cursor.fetchone()
        recorded, known = _known(row) if row else (None, None)
        if recorded is not None and caller.kind == "resident":
            mine = await _select(connection, _own(caller, Asked(limit=1)), int(number) + 1)
            recorded = recorded if mine and mine[0][0].number == int(number) else None
    if recorded is None or known is None:
        raise missing("AuditEvent", number)
    await exchange.audit.record(
        event(
            caller,
            "R",
            "read",
            recorded.event.patient,
            entity_type="AuditEvent",
            entity_id=number,
        )
    )
    return orjson.dumps(
        audit_event(recorded, server=exchange.settings.public_base_url, known=known)
    )
