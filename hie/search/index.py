"""The index values of a resource, and the index tables beside the resource row.

One compiled walk for each type reads every R4 search parameter. `tokens` and the primary date go on
the resource row, everything else into the tables of `search` by COPY, one statement a table for a
whole batch. A contained resource has a row of its own in `search.contained` (`contained.py`).
"""

from collections.abc import Sequence
from typing import Any

from hie.fhir.definitions import type_number
from hie.fhir.search_params import Visit, Walk, compile_walk
from hie.fhir.search_params.sources import Source
from hie.kit.db import Connection, is_pipelined
from hie.kit.hashing import Hasher
from hie.search.contained import BITS, FIRST, contained_key, pointer_hash
from hie.search.definitions import while_known
from hie.search.hashes import SEPARATOR, name_hash, resource_hash
from hie.search.indexed import Contained, Indexed, Word
from hie.search.parameters import kept, parameters
from hie.search.params.kinds import KINDS
from hie.search.params.reference import patient_visit
from hie.search.params.target import Target

__all__ = ["Indexed", "compartment_hash", "erase", "extract", "write"]

Row = tuple[int, int, int, Indexed]
"""patient key, key, type number, index values"""


ROW = frozenset({"_id", "_lastUpdated"})
"""Parameters that are columns of the resource row."""


class Extractor:
    """The compiled extraction of one resource type."""

    def __init__(self, type_name: str, hasher: Hasher) -> None:
        self.type_name = type_name
        self.hasher = hasher
        self.codes = [
            code for code, p in parameters(type_name).items() if p.kind in KINDS and code not in ROW
        ]
        self.walk = self._compile()
        self.shapes: dict[int, Word] = {}

    def _compile(self) -> Walk:
        places: dict[tuple[Source, str], list[Target]] = {}
        routes: list[tuple[Source, Visit]] = []
        for number, code in enumerate(self.codes):
            parameter = parameters(self.type_name)[code]
            stored = kept(self.type_name)[code] == (parameter,)
            for source in parameter.sources:
                target = Target(parameter, 1 << number)
                if stored:
                    places.setdefault((source, parameter.kind), []).append(target)
                elif parameter.kind != "composite":
                    routes.append((source, _presence(target.bit)))
                if parameter.kind == "reference" and source.type == "Reference":
                    patient = patient_visit(self.type_name, code)
                    if patient is not None:
                        routes.append((source, patient))
        for (source, kind), targets in places.items():
            visit = KINDS[kind].visit(source, targets, self.hasher)
            if visit is not None:
                routes.append((source, visit))
        return compile_walk(routes)

    def shape(self, present: int) -> Word:
        """The word for the set of parameters that a resource has: what `:missing` asks for."""
        word = self.shapes.get(present)
        if word is None:
            has = [code for number, code in enumerate(self.codes) if present >> number & 1]
            text = f" {' '.join(has)} "
            number = -type_number(self.type_name)
            word = Word(number, self.hasher(f"{SEPARATOR}{self.type_name}{SEPARATOR}{text}"), text)
            if len(self.shapes) < 4096:
                self.shapes[present] = word
        return word

    def __call__(self, resource: dict[str, Any]) -> Indexed:
        out = Indexed()
        out.root = resource
        self.walk(resource, resource, out)
        out.root = None
        shape = self.shape(out.present)
        out.words.append(shape)
        out.tokens.append(shape.hash)
        self._patient(resource, out)
        out.tokens = sorted(set(out.tokens))
        if "contained" in resource:
            out.contained = _contained(resource["contained"], out.pointers, self.hasher)
        return out

    def _patient(self, resource: dict[str, Any], out: Indexed) -> None:
        """The primary patient, and the compartments of all others that the resource belongs to."""
        if self.type_name == "Patient":
            if "id" in resource:
                out.patient = f"Patient/{resource['id']}"
        elif out.patients:
            out.patient = min(out.patients, key=lambda found: found[0])[1]
        out.tokens += [
            compartment_hash(self.hasher, patient)
            for _, patient in out.patients
            if patient != out.patient
        ]


def _presence(bit: int) -> Visit:
    """For a parameter that is kept as another: only that it has a value."""

    def present(_: Any, out: Indexed) -> None:
        out.present |= bit

    return present


def _contained(
    resources: Sequence[dict[str, Any]], pointers: Sequence[tuple[int, str]], hasher: Hasher
) -> list[Contained]:
    """The index values of contained resources; without an id one cannot be named and is not found."""
    found = [
        Contained(number, type_number(each["resourceType"]), each["id"], extract(each, hasher))
        for number, each in enumerate(resources[: 1 << BITS])
        if "id" in each
    ]
    for each in found:
        marks = {
            pointer_hash(hasher, name) for name, logical_id in pointers if logical_id == each.id
        }
        each.indexed.tokens = sorted(marks.union(each.indexed.tokens))
    return found


def compartment_hash(hasher: Hasher, patient: str) -> int:
    """The token of a row that belongs to the compartment of `Patient/<id>` beside its primary one."""
    return name_hash(hasher, "Patient", "compartment") ^ resource_hash(hasher, patient)


@while_known
def extractor(type_name: str, hasher: Hasher) -> Extractor:
    """The extractor of the type, compiled at its first use under these definitions."""
    return Extractor(type_name, hasher)


def extract(resource: dict[str, Any], hasher: Hasher) -> Indexed:
    """The index values of a valid resource with its id and meta set.

    References to this server must be relative. The primary patient is the first literal reference
    to a Patient of the first parameter in `primary.patient_ranks` that has one.
    """
    return extractor(resource["resourceType"], hasher)(resource)


COPY = {
    "string": ("parameter, value", ("int2", "text")),
    "date": ("parameter, low, high", ("int2", "timestamptz", "timestamptz")),
    "number": ("parameter, low, high", ("int2", "numeric", "numeric")),
    "quantity": ("parameter, unit, low, high", ("int2", "int8", "numeric", "numeric")),
    "composite": (
        "parameter, unit, low, high, tokens",
        ("int2", "int8", "numeric", "numeric", "int8[]"),
    ),
}

CONTAINED = (
    "date_low, date_high, type, id, tokens",
    ("timestamptz", "timestamptz", "int2", "text", "int8[]"),
)

LEARN = """
INSERT INTO search.vocabulary (parameter, hash, text)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::text[]) AS word (parameter, hash, text)
WHERE NOT EXISTS (
    SELECT FROM search.vocabulary v WHERE v.parameter = word.parameter AND v.hash = word.hash
)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""

OWN = "SELECT * FROM unnest(%(patients)s::bigint[], %(keys)s::bigint[]) AS own (patient_key, key)"
# The rows of what each contains, whose keys are next to each other.
INSIDE = (
    f"DELETE FROM search.contained c USING ({OWN}) AS own WHERE c.patient_key = own.patient_key "
    f"AND c.key >= {FIRST} + (own.key << {BITS}) AND c.key < {FIRST} + ((own.key + 1) << {BITS}) "
    "RETURNING c.patient_key, c.key"
)
ERASE, ERASE_CONTAINED = (
    f"WITH place AS {form} ({places})"
    + "".join(
        f", {table}_rows AS (DELETE FROM search.{table} t USING place "
        "WHERE t.patient_key = place.patient_key AND t.key = place.key)"
        for table in COPY
    )
    + " SELECT"
    for form, places in (("MATERIALIZED", OWN), ("", INSIDE))
)


async def write(connection: Connection, rows: Sequence[Row]) -> None:
    """Write the index tables' rows of new versions, inside the caller's transaction."""
    if any(indexed.contained for _, _, _, indexed in rows):
        inside = [(p, contained_key(k, c.number), c) for p, k, _, i in rows for c in i.contained]
        await _write_rows(
            connection,
            "contained",
            CONTAINED,
            [
                (p, k, c.indexed.date_low, c.indexed.date_high, c.type, c.id, c.indexed.tokens)
                for p, k, c in inside
            ],
        )
        rows = [*rows, *((p, k, c.type, c.indexed) for p, k, c in inside)]
    words = {(word.parameter, word.hash): word.text for row in rows for word in row[3].words}
    if words:
        # in one order, so that two transactions that learn the same words cannot deadlock
        places = sorted(words)
        await connection.execute(
            LEARN,
            (
                [p for p, _ in places],
                [h for _, h in places],
                [words[place].replace("\x00", "") for place in places],
            ),
        )
    for table, values in (
        (
            "string",
            [
                (p, k, s.parameter, s.value.replace("\x00", ""))
                for p, k, _, i in rows
                for s in i.strings
            ],
        ),
        ("date", [(p, k, *each) for p, k, _, i in rows for each in i.dates]),
        ("number", [(p, k, *each) for p, k, _, i in rows for each in i.numbers]),
        ("quantity", [(p, k, *each) for p, k, _, i in rows for each in i.quantities]),
        (
            "composite",
            [(p, k, *c[:4], list(c.tokens)) for p, k, _, i in rows for c in i.composites],
        ),
    ):
        if values:
            await _write_rows(connection, table, COPY[table], values)


async def _write_rows(
    connection: Connection,
    table: str,
    columns: tuple[str, tuple[str, ...]],
    values: Sequence[tuple[Any, ...]],
) -> None:
    write_all = _insert if is_pipelined(connection) else _copy
    await write_all(connection, table, *columns, values)


async def _insert(
    connection: Connection,
    table: str,
    columns: str,
    types: tuple[str, ...],
    values: Sequence[tuple[Any, ...]],
) -> None:
    places = ", ".join(f"%s::{each}" for each in types)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO search.{table} (patient_key, key, {columns}) VALUES (%s, %s, {places})",
            values,
        )


async def _copy(
    connection: Connection,
    table: str,
    columns: str,
    types: tuple[str, ...],
    values: Sequence[tuple[Any, ...]],
) -> None:
    statement = f"COPY search.{table} (patient_key, key, {columns}) FROM STDIN (FORMAT binary)"
    async with connection.cursor().copy(statement) as copy:
        copy.set_types(("int8", "int8", *types))
        for each in values:
            await copy.write_row(each)


async def erase(
    connection: Connection,
    keys: Sequence[tuple[int, int]],
    containers: Sequence[tuple[int, int]] = (),
) -> None:
    """Remove the rows of superseded versions, given as (patient key, key).

    `containers` are those of them that may contain others, whose rows go as well: looking for these
    costs about as much as all the rest.
    """
    for statement, places in ((ERASE, keys), (ERASE_CONTAINED, containers)):
        if places:
            await connection.execute(
                statement, {"patients": [p for p, _ in places], "keys": [k for _, k in places]}
            )
