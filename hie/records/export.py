"""Bulk export: what is asked for, the list of files, and their lines.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html

No file is ever written. An export is a moment and what was asked; each file is read from the records as
they stood at that moment when it is fetched, under the restriction that holds then. So there is
nothing to protect, to clean up or to take away from somebody whose access has ended, and a file can be
fetched again if the connection breaks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from hie.access import export as exports
from hie.access.caller import Caller
from hie.access.export import Export, require_exporting
from hie.access.policy import COMPARTMENT_TYPES, restriction
from hie.errors import Problem, problem
from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.mpi.people import KEYS_OF, linked, patient_key
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.fetch import missing
from hie.search import emit
from hie.search.context import Context
from hie.search.definitions import follow, writers
from hie.search.parse import parse
from hie.search.permitted import permitted
from hie.search.restriction import Restriction, condition
from hie.search.rewrite.own_addresses import own_addresses
from hie.search.rewrite.people import expand, patient_ids
from hie.search.snapshot import Snapshot, deletions, parts
from hie.search.sql import TRUE, Sql, all_of, any_of
from hie.store.compartment import by_id
from hie.store.read import Condition, Row

Level = Literal["system", "patient", "group"]

FILE_SIZE = 100_000
"""Resources in one file: a client fetches several at once, and one again if it breaks."""
DELETED = "deleted"
SHORTEST_STEP = timedelta(milliseconds=1)

_OF_PATIENTS = f"""
r.patient_key = ANY(ARRAY(
    SELECT unnest(%s::bigint[]) UNION ALL {KEYS_OF.format(persons="%s::text[]")}))
"""
_OF_ANY_PATIENT = """
EXISTS (SELECT FROM store.resource p WHERE p.patient_key = r.patient_key AND p.type = %s)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an export is asked for. `filters` are searches by type, each as the part after `?`."""

    request: str
    """The address, for the list of files."""
    level: Level = "system"
    types: Sequence[str] = ()
    since: datetime | None = None
    patients: Sequence[str] | None = None
    """Ids of Patients; None for all of them."""
    filters: Mapping[str, Sequence[Sequence[tuple[str, str]]]] = field(default_factory=dict)
    elements: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By type, or under "" for all, as in `Subset`."""

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "request": self.request,
            "level": self.level,
            "types": list(self.types),
            "since": None if self.since is None else self.since.isoformat(),
            "patients": None if self.patients is None else list(self.patients),
            "filters": {name: [list(one) for one in each] for name, each in self.filters.items()},
            "elements": {name: list(each) for name, each in self.elements.items()},
        }

    @classmethod
    def from_document(cls, kept: Mapping[str, Any]) -> "Asked":
        """What `document` made."""
        since = kept["since"]
        return cls(**{**kept, "since": None if since is None else datetime.fromisoformat(since)})


def exported_types(caller: Caller, level: Level) -> list[str]:
    """The types that the caller may export at this level. Problem 403 if there are none."""
    require_exporting(caller)
    allowed = [
        name
        for name in RESOURCE_TYPES
        if (level == "system" or name in COMPARTMENT_TYPES)
        and caller.permits("r", name)
        and caller.permits("s", name)
    ]
    if not allowed:
        require_exporting(caller, "Patient")
    return allowed


async def members(exchange: Exchange, caller: Caller, group: str) -> list[str]:
    """The ids of the Patients who are active members. Problem 404 for a Group not there to see."""
    require_exporting(caller)
    async with exchange.store.database.connection() as connection:
        [row] = await _seen(connection, caller, "Group", [group])
    body = orjson.loads(exchange.store.bodies.expand(row.dictionary, row.body or b""))
    references = [
        member.get("entity", {}).get("reference", "")
        for member in body.get("member", ())
        if not member.get("inactive")
    ]
    return [
        reference.removeprefix("Patient/").partition("/")[0]
        for reference in references
        if reference.startswith("Patient/")
    ]


async def start(exchange: Exchange, caller: Caller, asked: Asked) -> str:
    """Begin; gives the id. Problem 400 for a search that cannot be read, 403, 404, 429."""
    for name, searches in asked.filters.items():
        require_exporting(caller, name)
        await follow(exchange.store.database)
        for pairs in searches:
            parse(name, pairs)
    async with exchange.store.database.transaction() as connection:
        if asked.patients and asked.level == "patient":
            await _seen(connection, caller, "Patient", asked.patients)
        # Changes are timed in milliseconds: those of the present one are not over.
        moment = now() - SHORTEST_STEP
        writing = await writers(connection)
        export_id = await exports.add(connection, caller, asked.document(), moment, writing)
        await exchange.audit.record_in(
            connection, [event(caller, "E", "export", None, query=asked.request)]
        )
    return export_id


async def _seen(
    connection: Connection, caller: Caller, type_name: str, ids: Sequence[str]
) -> list[Row]:
    """The resources of these ids. Problem 404 for one that the caller does not see."""
    visible = Condition(*condition(restriction(caller, "s"), type_name))
    number = type_number(type_name)
    found = await by_id(connection, [(number, one) for one in ids], visible)
    for absent in sorted(set(ids) - {row.id for row in found}):
        raise missing(type_name, absent[:64])
    return found


def gone(export_id: str) -> Problem:
    """The answer for an export that there is not, any more or for this caller."""
    return problem(
        404,
        "not-found",
        f"There is no export {export_id[:64]}",
        f"没有导出任务 {export_id[:64]}",
    )


async def state(exchange: Exchange, caller: Caller, export_id: str) -> Export | None:
    """The export with its list of files; None as long as that cannot be told.

    Whoever asks first once all that was being written has ended makes the list. Problem 403 if the
    token that asks reaches less than what the export is of, 404.
    """
    require_exporting(caller)
    async with exchange.store.database.transaction() as connection:
        known = await exports.find(connection, caller, export_id)
        if known is None:
            raise gone(export_id)
        for name in known.asked["types"]:
            require_exporting(caller, name)
        if known.output is not None:
            return known
        held = await exports.find(connection, caller, export_id, locked=True)
        if held is None or set(held.writers) & await writers(connection):
            return None
        output = held.output or await _output(connection, exchange, caller, held)
        await exports.finish(connection, export_id, output)
        return held._replace(output=output)


async def forget(exchange: Exchange, caller: Caller, export_id: str) -> bool:
    """Whether there was such an export of the caller; there is none any more."""
    async with exchange.store.database.connection() as connection:
        return await exports.remove(connection, caller, export_id)


async def _output(
    connection: Connection, exchange: Exchange, caller: Caller, export: Export
) -> dict[str, Any]:
    """By type the stretches of its files, and whether something was deleted."""
    asked = Asked.from_document(export.asked)
    files: dict[str, list[list[int]]] = {}
    for name in asked.types:
        snapshot = await snapshot_of(connection, exchange, caller, export, asked, name)
        cut = await parts(connection, snapshot, FILE_SIZE)
        if cut:
            files[name] = [list(part) for part in cut]
    deleted = False
    if asked.since is not None:
        deleted = bool(await deleted_rows(connection, exchange, caller, export, asked, (-1, 0), 1))
    return {"files": files, DELETED: deleted}


async def snapshot_of(
    connection: Connection,
    exchange: Exchange,
    caller: Caller,
    export: Export,
    asked: Asked,
    name: str,
) -> Snapshot:
    """What the caller may see now of what was asked for of one type."""
    visible = restriction(caller, "s")
    matching = None
    if asked.filters:
        searches = asked.filters.get(name, ())
        found = [await _matching(connection, exchange, visible, name, one) for one in searches]
        matching = any_of(found) if found else None
    return Snapshot(
        type_number(name),
        export.moment,
        all_of((permitted(visible, name), _concerned(exchange, asked))),
        asked.since,
        matching,
    )


async def deleted_rows(
    connection: Connection,
    exchange: Exchange,
    caller: Caller,
    export: Export,
    asked: Asked,
    after: tuple[int, int],
    limit: int,
) -> list[Row]:
    """Deletions after the time since which the export was asked."""
    if asked.since is None:
        return []
    visible = all_of((permitted(restriction(caller, "s"), None), _concerned(exchange, asked)))
    types = [type_number(name) for name in asked.types]
    return await deletions(connection, types, asked.since, export.moment, visible, after, limit)


def _concerned(exchange: Exchange, asked: Asked) -> Sql:
    """The condition that a row concerns the patients asked for."""
    if asked.patients is not None:
        keys = [patient_key(exchange.store.hasher, one) for one in asked.patients]
        return Sql(_OF_PATIENTS, (keys, list(asked.patients)))
    if asked.level == "patient":
        return Sql(_OF_ANY_PATIENT, (type_number("Patient"),))
    return TRUE


async def _matching(
    connection: Connection,
    exchange: Exchange,
    visible: Restriction,
    name: str,
    pairs: Sequence[tuple[str, str]],
) -> Sql:
    query = own_addresses(parse(name, pairs), exchange.settings.fhir_base)
    query = expand(query, await linked(connection, patient_ids(query)))
    return await emit.condition(query, Context(connection, exchange.store, visible))
