"""A person's whole record. https://hl7.org/fhir/R4/operation-patient-everything.html

On a golden Patient: the union of all linked source records. On a source Patient: what belongs to it.
Institutions, practitioners and the like that the record refers to come along as includes.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from hie.access.caller import Caller
from hie.access.policy import SHARED_TYPES, require, restriction
from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi.people import KEYS_OF, patient_key
from hie.records.bundle import Link, bundle, found
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import missing, presentation
from hie.search.restriction import Restriction, condition
from hie.store.compartment import by_id, of_patients
from hie.store.read import Condition, Row, read

SHARED_REFERENCE = re.compile(
    rb'"reference"\s*:\s*"('
    + b"|".join(sorted(t.encode() for t in SHARED_TYPES))
    + rb')/([A-Za-z0-9.\-]{1,64})"'
)


async def everything(
    exchange: Exchange,
    caller: Caller,
    patient: str,
    *,
    types: Sequence[str] | None = None,
    since: datetime | None = None,
    count: int | None = None,
    cursor: str | None = None,
) -> bytes:
    """A searchset Bundle of the record; with `count`, in pages with a next link.

    Problem 403 without the scope, 404 if the patient is not there to see.
    """
    require(caller, "r", "Patient")
    store = exchange.store
    parameters: dict[str, str] = {}
    if types is not None:
        parameters["_type"] = ",".join(types)
    if since is not None:
        parameters["_since"] = since.isoformat()
    if count is not None:
        parameters["_count"] = str(count)
    address = f"Patient/{patient}/$everything" + (f"?{urlencode(parameters)}" if parameters else "")
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
            limit=None if count is None else count + 1,
        )
        present = await presentation(store.database, caller)
        shown = rows if count is None else rows[:count]
        bodies = [store.bodies.expand(r.dictionary, r.body or b"") for r in shown]
        included = await _included(connection, visible, shown, bodies, types)
    base = exchange.settings.fhir_base
    entries = [
        found(base, name, r.id, present(name, body), "match")
        for r, body in zip(shown, bodies, strict=True)
        for name in (name_of(r.type),)
    ]
    entries += [
        found(
            base, name_of(r.type), r.id, store.bodies.expand(r.dictionary, r.body or b""), "include"
        )
        for r in included
    ]
    links = [Link("self", f"{base}/{address}")]
    if len(rows) > len(shown):
        last = shown[-1]
        token = sign(exchange.cursor_key, caller, address, f"{last.patient_key}.{last.key}")
        links.append(Link("next", f"{base}/{address}&_cursor={token}"))
    await disclosed(
        exchange, caller, "everything", "Patient", rows=[row, *shown], logical_id=patient
    )
    total = len(shown) if len(rows) == len(shown) and cursor is None else None
    return bundle("searchset", entries, links=links, total=total, moment=now())


def _belonging(hasher: Hasher, patient: str) -> Condition:
    """The patient keys of the person if the id is golden, else of that one record."""
    keys = f"SELECT %(own_key)s::bigint UNION ALL {KEYS_OF.format(persons='%(own_id)s::text[]')}"
    return Condition(keys, {"own_key": patient_key(hasher, patient), "own_id": [patient]})


async def _included(
    connection: Connection,
    visible: Restriction,
    rows: Sequence[Row],
    bodies: Sequence[bytes],
    types: Sequence[str] | None,
) -> list[Row]:
    wanted = {
        (type_number(name.decode()), logical_id.decode())
        for body in bodies
        for name, logical_id in SHARED_REFERENCE.findall(body)
        if types is None or name.decode() in types
    }
    wanted -= {(r.type, r.id) for r in rows}
    return await by_id(connection, sorted(wanted), Condition(*condition(visible, None)))
