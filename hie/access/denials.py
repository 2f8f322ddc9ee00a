"""Compiled consents in the database: written with the Consent, asked by every statement.

A withdrawn consent counts with the next statement of every worker, because nothing is kept elsewhere.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hie.access.clause import Clause, Denial, Texts
from hie.access.consent import INSTITUTION, Resource, compile_consent, notice_of
from hie.access.marks import tokens_of
from hie.errors import problem
from hie.fhir.definitions import type_number
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi.people import KEYS_OF

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)

FORGET = "DELETE FROM access.consent WHERE id = ANY(%s)"
PERSON = "SELECT person FROM access.consent WHERE id = %s"
INSERT_CONSENT = """
INSERT INTO access.consent (id, person, version, given_by, notice, compiled)
VALUES (%s, %s, %s, %s, %s, %s)
"""
CONDITIONS = "valid_from, valid_to, types, keys, custodians, dates_from, dates_to, marks, recipients, purposes"
_VALUES = (
    "%s, %s, %s::smallint[], %s::bigint[], %s::integer[], %s::timestamptz[], %s::timestamptz[], "
    "%s::bigint[], %s::text[], %s::text[]"
)
INSERT_DENIAL = f"""
INSERT INTO access.denial (consent, person, place, {CONDITIONS})
VALUES (%s, %s, %s, {_VALUES}) RETURNING number
"""
INSERT_EXCEPTION = f"INSERT INTO access.exception (denial, {CONDITIONS}) VALUES (%s, {_VALUES})"

INSTITUTIONS = "SELECT code, number FROM store.institution WHERE code = ANY(%s)"
OWNERS = "SELECT id, institution FROM store.resource WHERE type = %s AND id = ANY(%s)"
OWN_KEYS = f"""
SELECT d.type, d.id, d.key FROM store.resource d
WHERE (d.type, d.id) IN (SELECT * FROM unnest(%s::smallint[], %s::text[]))
  AND d.patient_key = ANY(ARRAY({KEYS_OF.format(persons="%s::text[]")}))
"""


class Written(NamedTuple):
    """A Consent that a resident has just given or changed, as it is stored."""

    id: str
    person: str
    version: int
    given_by: str
    resource: Resource


class _Known(NamedTuple):
    """What the names in clauses stand for here."""

    institutions: dict[str, int]
    keys: dict[str, int]


async def forget(connection: Connection, ids: Collection[str]) -> None:
    """End what these Consents said: they are deleted, or about to be compiled anew."""
    if ids:
        await connection.execute(FORGET, (list(ids),))


async def person_of_consent(connection: Connection, logical_id: str) -> str | None:
    """Whose Consent this is, if it is in force."""
    cursor = await connection.execute(PERSON, (logical_id,))
    row = await cursor.fetchone()
    return row[0] if row else None


async def enforce(connection: Connection, hasher: Hasher, written: Written) -> int:
    """Compile the Consent and put it in force in place of its version before; how many denials it has.

    Problem 422 for what cannot be enforced as written, and for names that stand for nothing.
    """
    await forget(connection, [written.id])
    denials = compile_consent(written.resource)
    if not denials:
        return 0
    notice = notice_of(written.resource)
    known = await _known(connection, written.person, denials)
    await connection.execute(
        INSERT_CONSENT,
        (written.id, written.person, written.version, written.given_by, notice, now()),
    )
    for denial in denials:
        cursor = await connection.execute(
            INSERT_DENIAL,
            (written.id, written.person, denial.place, *_row(denial.clause, known, hasher)),
        )
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING gives one row
        for clause in denial.exceptions:
            await connection.execute(INSERT_EXCEPTION, (row[0], *_row(clause, known, hasher)))
    return len(denials)


def _clauses(denials: Iterable[Denial]) -> list[Clause]:
    return [clause for denial in denials for clause in (denial.clause, *denial.exceptions)]


async def _known(connection: Connection, person: str, denials: Sequence[Denial]) -> _Known:
    clauses = _clauses(denials)
    named = {name for clause in clauses for group in clause.recipients for name in group}
    named |= {name for clause in clauses for name in clause.custodians or ()}
    institutions = await _institutions(connection, named)
    instances = sorted({one for clause in clauses for one in clause.instances or ()})
    split = [one.partition("/") for one in instances]
    cursor = await connection.execute(
        OWN_KEYS,
        ([type_number(t) for t, _, _ in split], [i for _, _, i in split], [person]),
    )
    places = {(number, logical_id): key for number, logical_id, key in await cursor.fetchall()}
    keys: dict[str, int] = {}
    for one, (type_name, _, logical_id) in zip(instances, split, strict=True):
        key = places.get((type_number(type_name), logical_id))
        if key is None:  # of somebody else, or of nobody: the answer is the same
            raise problem(
                422,
                "not-found",
                f"The record has no {one}",
                f"档案中没有 {one}",
                "Consent.provision.data.reference",
            )
        keys[one] = key
    return _Known(institutions, keys)


async def _institutions(connection: Connection, named: Collection[str]) -> dict[str, int]:
    codes = [name.partition("|")[2] for name in named if name.startswith(f"{INSTITUTION}|")]
    cursor = await connection.execute(INSTITUTIONS, (codes,))
    found = {f"{INSTITUTION}|{code}": number for code, number in await cursor.fetchall()}
    ids = [name.partition("/")[2] for name in named if name.startswith("Organization/")]
    cursor = await connection.execute(OWNERS, (type_number("Organization"), ids))
    found |= {f"Organization/{id_}": number for id_, number in await cursor.fetchall()}
    missing = [
        name
        for name in sorted(named)
        if name.startswith((f"{INSTITUTION}|", "Organization/")) and name not in found
    ]
    if missing:
        raise problem(
            422,
            "not-found",
            f"There is no institution {missing[0]}",
            f"没有机构 {missing[0]}",
            "Consent.provision.actor.reference",
        )
    return found


def reader_name(institution: int) -> str:
    """How an institution stands among the recipients of a stored rule."""
    return f"institution/{institution}"


def _row(clause: Clause, known: _Known, hasher: Hasher) -> tuple[object, ...]:
    recipients = frozenset(
        frozenset(
            reader_name(known.institutions[name]) if name in known.institutions else name
            for name in group
        )
        for group in clause.recipients
    )
    marks = sorted(
        sorted({token for mark in group for token in tokens_of(hasher, mark)})
        for group in clause.marks
    )
    dates = sorted((p.low or BEGINNING, p.high or END) for p in clause.dates)
    return (
        clause.valid.low,
        clause.valid.high,
        None if clause.types is None else sorted(type_number(t) for t in clause.types),
        None if clause.instances is None else sorted(known.keys[i] for i in clause.instances),
        None
        if clause.custodians is None
        else sorted(known.institutions[name] for name in clause.custodians),
        [low for low, _ in dates] or None,
        [high for _, high in dates] or None,
        _lines(marks),
        _lines(_sorted(recipients)),
        _lines(_sorted(clause.purposes)),
    )


def _sorted(groups: Texts) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def _lines(groups: Sequence[Sequence[Any]]) -> list[list[Any]] | None:
    """The groups as lines of equal length, as an array of two dimensions wants them."""
    if not groups:
        return None
    longest = max(map(len, groups))
    return [[*group, *[group[0]] * (longest - len(group))] for group in groups]
