"""Registering source Patients: each joins a person or becomes a new one, in the caller's transaction.

One definition serves one registration and thousands: what is written is decided in memory, on the
roster that `candidates` reads, and goes to the database in a fixed number of statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hie.kit.clock import instant, now
from hie.kit.db import Connection
from hie.kit.ids import new_id
from hie.mpi import active, blocking, events, features, review
from hie.mpi.absorb import absorb_all
from hie.mpi.candidates import LOCK_ALL, LOCK_CLASS, fill
from hie.mpi.comparisons import COMPARISONS, Comparisons
from hie.mpi.decide import REVIEW_BITS, Decision
from hie.mpi.events import Event
from hie.mpi.features import Features
from hie.mpi.golden import Golden, goldens
from hie.mpi.people import patient_key
from hie.mpi.review import Doubt
from hie.mpi.roster import Member, Roster
from hie.mpi.source_merge import follow, replacements
from hie.mpi.survive import content_of
from hie.store.open import Store

__all__ = ["Golden", "Source", "register", "withdraw"]

KNOWN = "SELECT id, content::text FROM mpi.registration WHERE id = ANY(%s)"
INSERT_PERSONS = """
INSERT INTO mpi.person (id, patient_key, created)
SELECT *, %s FROM unnest(%s::text[], %s::bigint[])
"""
INSERT = """
WITH input AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS i(
        id text, institution int, person text, patient_key bigint, birth_date text, keys bigint[],
        features jsonb, content jsonb)
), written AS (
    INSERT INTO mpi.registration
        (id, institution, person, patient_key, revision, birth_date, keys, features, content)
    SELECT id, institution, person, patient_key, nextval('mpi.revision'), birth_date, keys,
        features, content
    FROM input RETURNING number, keys
)
INSERT INTO mpi.block (key, registration) SELECT unnest(keys), number FROM written
"""
UNBLOCK = """
DELETE FROM mpi.block b USING mpi.registration r, unnest(r.keys) AS k(key)
WHERE r.id = ANY(%s) AND b.registration = r.number AND b.key = k.key
"""
UPDATE = """
WITH input AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS i(
        id text, birth_date text, keys bigint[], features jsonb, content jsonb)
), written AS (
    UPDATE mpi.registration r
    SET revision = nextval('mpi.revision'), birth_date = i.birth_date, keys = i.keys,
        features = i.features, content = i.content
    FROM input i WHERE r.id = i.id RETURNING r.number, r.keys
)
INSERT INTO mpi.block (key, registration) SELECT unnest(keys), number FROM written
"""
REMOVE = "DELETE FROM mpi.registration WHERE id = ANY(%s) RETURNING id, person"


@dataclass(frozen=True, slots=True)
class Source:
    """A source Patient as an institution sent it."""

    id: str
    institution: int
    resource: dict[str, Any]


@dataclass(slots=True)
class _Incoming:
    source: Source
    patient_key: int
    features: Features
    told: Features
    """The features less what is only a filler here."""
    keys: list[int]
    content: dict[str, Any]


@dataclass(slots=True)
class _Outcome:
    """What a call to `register` has decided and still has to write."""

    persons: list[str] = field(default_factory=list)
    inserts: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    absorbed: list[tuple[str, Doubt]] = field(default_factory=list)


async def register(connection: Connection, store: Store, sources: Sequence[Source]) -> list[Golden]:
    """Link created or updated source Patients; the golden records to (re)write.

    Sources with unchanged identity data and links change nothing. An update never moves a
    registration: when its new data contradict its person or fit another one, a review is opened.
    Links by which an institution replaces one of its registrations by another are followed.
    """
    latest = _last_of_each(sources)
    merged = replacements((source.id, source.resource) for source in latest)
    if merged:
        await connection.execute(LOCK_ALL, {"class": LOCK_CLASS})
    touched = await _place_all(connection, store, latest)
    if merged:
        touched |= await follow(connection, merged)
    return await goldens(connection, touched) if touched else []


async def _place_all(connection: Connection, store: Store, sources: Sequence[Source]) -> set[str]:
    """Place what is new or has changed; the persons whose golden records may change."""
    async with connection.pipeline():
        cursor = await connection.execute(KNOWN, ([source.id for source in sources],))
        model = await active.current(connection)
        known = {id_: orjson.loads(content) for id_, content in await cursor.fetchall()}
    incoming = _changed(known, COMPARISONS[model.comparisons], store, sources)
    if not incoming:
        return set()
    roster = await fill(
        connection,
        {key for item in incoming for key in item.keys},
        ids=[item.source.id for item in incoming],
        dates={item.features.births[0] for item in incoming if item.features.births},
        model=model,
    )
    outcome = _Outcome()
    for item in incoming:
        if roster.crowded.intersection(item.keys):
            item.told = blocking.without(item.features, roster.crowded, store.hasher)
        if item.source.id in roster.members:
            _update(roster, item, outcome)
        else:
            _place(roster, item, outcome)
    await _write(connection, store, outcome)
    return outcome.touched | await absorb_all(connection, outcome.absorbed)


async def withdraw(connection: Connection, store: Store, ids: Sequence[str]) -> list[Golden]:  # noqa: ARG001 - the same shape as `register`
    """Forget deleted source Patients; the golden records to rewrite or to delete."""
    await connection.execute(UNBLOCK, (list(ids),))
    cursor = await connection.execute(REMOVE, (list(ids),))
    removed = await cursor.fetchall()
    gone = [Event("unlink", person, (id_,), "source record deleted") for id_, person in removed]
    await events.record(connection, gone)
    return await goldens(connection, {person for _, person in removed})


def _last_of_each(sources: Iterable[Source]) -> list[Source]:
    """One source for each id, the last one given."""
    return list({source.id: source for source in sources}.values())


def _changed(
    known: Mapping[str, Any], comparisons: Comparisons, store: Store, sources: Sequence[Source]
) -> list[_Incoming]:
    """The sources whose identity data is new, made comparable."""
    incoming = []
    for source in sources:
        content = content_of(source.resource)
        if known.get(source.id) != content:
            found = comparisons.of_patient(source.resource)
            keys = comparisons.keys(found, store.hasher)
            own = patient_key(store.hasher, source.id)
            incoming.append(_Incoming(source, own, found, found, keys, content))
    return incoming


def _place(roster: Roster, item: _Incoming, outcome: _Outcome) -> None:
    source = item.source
    decision = roster.place(source.id, item.told, item.keys)
    person = decision.person
    if person is None:
        person = new_id()
        outcome.persons.append(person)
    outcome.inserts.append(
        {
            "id": source.id,
            "institution": source.institution,
            "person": person,
            "patient_key": item.patient_key,
            **_columns(item),
        }
    )
    outcome.events.append(
        Event(
            "link",
            person,
            (source.id,),
            "matched" if decision.person else "new person",
            bits=decision.score.bits if decision.score else None,
            model=roster.model.version,
        )
    )
    outcome.doubts += _doubts(source.id, person, decision)
    outcome.touched.add(person)
    if gone := decision.absorbed:
        doubt = Doubt("duplicate", source.id, person, gone.person, gone.score.bits, gone.guards)
        outcome.absorbed.append((person, doubt))
        roster.absorb(person, gone.person)
    roster.add(Member(source.id, person, item.features, tuple(item.keys)))


def _update(roster: Roster, item: _Incoming, outcome: _Outcome) -> None:
    id_ = item.source.id
    person = roster.members[id_].person
    roster.remove(id_)
    if roster.by_person.get(person):
        rest = roster.candidate(id_, item.told, person)
        if rest.score.bits < REVIEW_BITS or "numbers" in rest.guards:
            outcome.doubts.append(
                Doubt("contradiction", id_, person, person, rest.score.bits, rest.guards)
            )
    decision = roster.place(id_, item.told, item.keys, besides=person)
    outcome.doubts += _doubts(id_, person, decision, moved=True)
    outcome.updates.append({"id": id_, **_columns(item)})
    outcome.touched.add(person)
    roster.add(Member(id_, person, item.features, tuple(item.keys)))


def _doubts(id_: str, person: str, decision: Decision, *, moved: bool = False) -> list[Doubt]:
    found = [
        Doubt(
            "update" if moved else decision.reason,
            id_,
            person,
            candidate.person,
            candidate.score.bits,
            candidate.guards,
        )
        for candidate in decision.review
        if candidate.person != person
    ]
    if moved and decision.person and decision.score and not found:
        found.append(Doubt("update", id_, person, decision.person, decision.score.bits, ()))
    return found


def _columns(item: _Incoming) -> dict[str, Any]:
    births = item.features.births
    return {
        "birth_date": births[0] if births else "",
        "keys": item.keys,
        "features": features.to_json(item.features),
        "content": item.content,
    }


async def _write(connection: Connection, store: Store, outcome: _Outcome) -> None:
    async with connection.pipeline():
        if outcome.persons:
            keys = [patient_key(store.hasher, person) for person in outcome.persons]
            await connection.execute(INSERT_PERSONS, (instant(now()), outcome.persons, keys))
        if outcome.inserts:
            await connection.execute(INSERT, (orjson.dumps(outcome.inserts).decode(),))
        if outcome.updates:
            await connection.execute(UNBLOCK, ([row["id"] for row in outcome.updates],))
            await connection.execute(UPDATE, (orjson.dumps(outcome.updates).decode(),))
        await events.record(connection, outcome.events)
        await review.ask(connection, outcome.doubts)
