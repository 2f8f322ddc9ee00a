"""A person's whole record. https://hl7.org/fhir/R4/operation-patient-everything.html

On a golden Patient: the union of all linked source records. On a source Patient: what belongs to it.
Institutions, practitioners and the like that the record refers to come along as includes.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from hie.access.caller import Caller
from hie.access.policy import SHARED_TYPES, require, restriction
from hie.errors import problem
from hie.fhir.dates import EARLIEST, LATEST, Range, date_range
from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi.people import KEYS_OF, patient_key
from hie.records.bundle import Link, bundle, found, with_parameters
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import missing, presentation
from hie.records.present import partly
from hie.search.restriction import Restriction, condition
from hie.store.compartment import by_id, of_patients
from hie.store.read import Condition, Row, read


def references_to(types: Iterable[str]) -> re.Pattern[bytes]:
    """Finds references to resources of the types; groups are the type and the id."""
    names = "|".join(sorted(types))
    return re.compile(rf'"reference"\s*:\s*"({names})/([A-Za-z0-9.\-]{{1,64}})"'.encode())


SHARED_REFERENCE = references_to(SHARED_TYPES)


async def everything(
    exchange: Exchange,
    caller: Caller,
    patient: str,
    *,
    types: Sequence[str] | None = None,
    since: datetime | None = None,
    start: str | None = None,
    end: str | None = None,
    count: int | None = None,
    cursor: str | None = None,
    subset: Subset = WHOLE,
) -> bytes:
    """A searchset Bundle of the record; with `count`, in pages with a next link.

    `start` and `end` are dates of care. Problem 400 if they are none, 403 without the scope, 404 if the patient is not there to see.
    """
    require(caller, "r", "Patient")
    store = exchange.store
    care = care_range(start, end)
    asked = {
        "start": start,
        "end": end,
        "_type": None if types is None else ",".join(types),
        "_since": None if since is None else since.isoformat(),
        "_count": None if count is None else str(count),
    }
    parameters = [(name, value) for name, value in asked.items() if value is not None]
    address = with_parameters(f"Patient/{patient}/$everything", [*parameters, *subset.parameters()])
    after = (-(2**63), 0)
    if cursor is not None:
        first, _, second = verify(exchange.cursor_key, caller, address, cursor).partition(".")
        after = (int(first), int(second))
    async with store.database.connection() as connection:
        visible = restriction(caller, "r")
        patient_rows = Condition(*condition(visible, "Patient"))
        row = await read(connection, type_number("Patient"), patient, patient_rows)
        if row is None or row.body is None:
            raise missing("Patient", patient)
        rows = await of_patients(
            connection,
            _belonging(store.hasher, patient),
            Condition(*condition(visible, None)),
            after=after,
            wanted=None if types is None else [type_number(t) for t in types],
            since=since,
            care=care,
            limit=None if count is None else count + 1,
        )
        present = partly(await presentation(store.database, caller), subset)
        shown = rows if count is None else rows[:count]
        bodies = [store.bodies.expand(r.dictionary, r.body or b"") for r in shown]
        included = await referred_to(connection, visible, shown, bodies, types)
    base = exchange.settings.fhir_base
    entries = [
        found(base, name, r.id, present(name, body), "match")
        for r, body in zip(shown, bodies, strict=True)
        for name in (name_of(r.type),)
    ]
    entries += [
        found(base, name, r.id, present(name, body), "include")
        for r in included
        for name, body in ((name_of(r.type), store.bodies.expand(r.dictionary, r.body or b"")),)
    ]
    links = [Link("self", f"{base}/{address}")]
    if len(rows) > len(shown):
        last = shown[-1]
        token = sign(exchange.cursor_key, caller, address, f"{last.patient_key}.{last.key}")
        links.append(Link("next", with_parameters(f"{base}/{address}", [("_cursor", token)])))
    await disclosed(
        exchange, caller, "everything", "Patient", rows=[row, *shown], logical_id=patient
    )
    total = len(shown) if len(rows) == len(shown) and cursor is None else None
    return bundle("searchset", entries, links=links, total=total, moment=now())


def care_range(start: str | None, end: str | None) -> Range | None:
    """The time from the beginning of `start` to the end of `end`; Problem 400 for what is no date."""
    if start is None and end is None:
        return None
    try:
        low = EARLIEST if start is None else date_range(start).low
        high = LATEST if end is None else date_range(end).high
        if low >= high:
            raise ValueError("the end is before the start")
    except (ValueError, OverflowError) as error:
        asked = [f"{n}={v[:40]}" for n, v in (("start", start), ("end", end)) if v is not None]
        raise problem(
            400,
            "invalid",
            f"{' and '.join(asked)} must be dates such as 2026-01-31, the start before the end",
            f"{' 与 '.join(asked)} 必须是先后有序的日期，例如 2026-01-31",
            "start" if start is not None else "end",
        ) from error
    return Range(low, high)


def _belonging(hasher: Hasher, patient: str) -> Condition:
    """The patient keys of the person if the id is golden, else of that one record."""
    keys = f"SELECT %(own_key)s::bigint UNION ALL {KEYS_OF.format(persons='%(own_id)s::text[]')}"
    return Condition(keys, {"own_key": patient_key(hasher, patient), "own_id": [patient]})


async def referred_to(
    connection: Connection,
    visible: Restriction,
    rows: Sequence[Row],
    bodies: Sequence[bytes],
    types: Sequence[str] | None,
    pattern: re.Pattern[bytes] = SHARED_REFERENCE,
) -> list[Row]:
    """What the bodies refer to by `pattern`, of these types, that is not among the rows already."""
    wanted = {
        (type_number(name.decode()), logical_id.decode())
        for body in bodies
        for name, logical_id in pattern.findall(body)
        if types is None or name.decode() in types
    }
    wanted -= {(r.type, r.id) for r in rows}
    return await by_id(connection, sorted(wanted), Condition(*condition(visible, None)))
