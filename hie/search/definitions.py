"""Search parameters beyond those of R4, as this process knows them.

https://hl7.org/fhir/R4/searchparameter.html

They are rows of `search.definition`. Each change gives the row of `search.generation` another number;
whoever is about to search or to write compares it with what the process knows and reads the definitions
anew if they differ, so that a new parameter is active on every worker with the next request. A write
holds a shared lock until it commits and a change of the definitions the same lock alone: after such a
change no row can appear any more that was indexed without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ParamSpec, TypeVar

from hie.fhir.definitions import SearchParameter
from hie.kit.db import Connection, Database, rows_of, together

P = ParamSpec("P")
T = TypeVar("T")

FIRST_NUMBER = 10_000
"""R4's own parameters have smaller numbers; one that was given is never given again."""
LOCK = 0x48494553

HOLD = "SELECT pg_advisory_xact_lock_shared(%s)"
HOLD_ALONE = "SELECT pg_advisory_xact_lock(%s)"
WRITERS = """
SELECT array_agg(virtualtransaction) FROM pg_locks
WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
GENERATION = "SELECT number FROM search.generation"
DEFINITIONS = """
SELECT number, resource, url, code, kind, bases, targets, components, ready FROM search.definition
ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Definition:
    """One parameter that was added, as it applies to each of its types."""

    number: int
    resource: str
    """The id of the SearchParameter that it comes from."""
    url: str
    code: str
    kind: str
    bases: Mapping[str, str]
    """By resource type the expression."""
    targets: tuple[str, ...]
    components: tuple[tuple[str, str], ...]
    ready: bool
    """Whether all resources are indexed, so that it can be asked for."""

    def on(self, type_name: str) -> SearchParameter:
        """The parameter on one of its types."""
        return SearchParameter(
            number=self.number,
            code=self.code,
            type=self.kind,
            expression=self.bases[type_name],
            targets=self.targets,
            url=self.url,
            components=self.components,
        )


@dataclass(slots=True)
class _Known:
    """What this process knows; it serves one database at a time."""

    generation: int = 0
    definitions: tuple[Definition, ...] = ()
    by_type: dict[str, tuple[Definition, ...]] = field(default_factory=dict)


_known = _Known()
_outdated: list[Callable[[], None]] = []


def while_known(function: Callable[P, T]) -> Callable[P, T]:
    """Keeps the results of `function`, whose arguments must be hashable, until a definition changes."""
    kept = cache(function)
    _outdated.append(kept.cache_clear)
    return kept  # type: ignore[return-value]  # a cached function is called like the plain one


def every() -> tuple[Definition, ...]:
    """All parameters that were added."""
    return _known.definitions


def added(type_name: str) -> tuple[Definition, ...]:
    """The parameters that were added to the type."""
    return _known.by_type.get(type_name, ())


async def follow(source: Database | Connection) -> None:
    """Know the definitions as they are now; one short statement where nothing has changed."""
    [[number]] = await rows_of(source, GENERATION, {})
    if number == _known.generation:
        return
    rows = await rows_of(source, DEFINITIONS, {})
    found = tuple(
        Definition(
            *(number_, resource, url, code, kind, bases),
            targets=tuple(targets),
            components=tuple((url_, path) for url_, path in components),
            ready=ready,
        )
        for number_, resource, url, code, kind, bases, targets, components, ready in rows
    )
    _known.definitions = found
    _known.by_type = {
        base: tuple(each for each in found if base in each.bases)
        for base in {base for each in found for base in each.bases}
    }
    _known.generation = number
    for forget in _outdated:
        forget()


async def hold(connection: Connection, *, alone: bool = False) -> None:
    """The same for a transaction that writes; the definitions stay as they are until it ends.

    `alone`: the transaction may change them, and no other one writes meanwhile.
    """
    # the statement behind the lock has a snapshot of its own: it sees what was waited for
    async with together(connection):
        await connection.execute(HOLD_ALONE if alone else HOLD, (LOCK,))
        await follow(connection)


async def writers(connection: Connection) -> set[str]:
    """The transactions that write at this moment, by PostgreSQL's names for them.

    A transaction holds its lock before it takes its time: what carries a time before now and cannot
    be seen yet is of one of these.
    """
    row = await (await connection.execute(WRITERS, (LOCK,))).fetchone()
    return set(row[0] or ()) if row else set()
