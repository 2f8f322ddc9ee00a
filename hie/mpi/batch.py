"""A whole population linked anew, by the definition that links one registration: for proposals.

DuckDB finds which registrations can touch at all (https://duckdb.org/docs/stable/sql/query_syntax/with);
each connected group then goes through the same roster as a registration that arrives, the fullest
records first, on as many processes as there are cores. Here, unlike on arrival, persons that prove
to be one are joined: nothing is written, so nothing is lost.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, Protocol

import duckdb
import orjson

from hie.mpi.candidates import BLOCK_CAP, PERSONS_PER_REGISTRATION
from hie.mpi.comparisons import COMPARISONS, Comparisons
from hie.mpi.decide import Decision
from hie.mpi.features import Features, from_json, to_json
from hie.mpi.model import Model
from hie.mpi.roster import Member, Roster
from hie.mpi.score import Surroundings

CHUNK = 20_000
MEMORY = "4GB"
PARTS = 4
"""Pairs are counted in so many passes, which bounds the memory."""

READ = """
CREATE TABLE registration AS
SELECT * FROM read_csv(?, header = false, nullstr = '', columns = {
    'number': 'BIGINT', 'birth': 'VARCHAR', 'keys': 'VARCHAR', 'features': 'VARCHAR'})
"""
# What touches is said once, in DuckDB's SQL; `spark` has it translated.
BLOCKS = """
WITH entry AS (
    SELECT number, unnest(string_split(trim(keys, '{}'), ',')::BIGINT[]) AS key
    FROM registration WHERE keys <> '{}'
), usable AS (
    SELECT key FROM entry GROUP BY key HAVING count(*) BETWEEN 2 AND ?
)
SELECT e.key, e.number FROM entry e SEMI JOIN usable u ON u.key = e.key
"""
PAIRS = """
SELECT l.number AS low, r.number AS high, count(*) AS shared
FROM block l JOIN block r ON l.key = r.key AND l.number < r.number
WHERE l.number % ? = ? GROUP BY l.number, r.number
"""
# Two who share one block key alone are a family on one telephone, or strangers who share a surname or
# a name and a day: no weight of other fields would make them certain (`score`). It is otherwise where the one
# key is a card, or where a newborn is concerned, who has a rule of his own (`decide`).
EDGES = """
SELECT low, high FROM pair WHERE shared >= ?
UNION ALL
SELECT p.low, p.high FROM pair p
JOIN special l ON l.number = p.low JOIN special r ON r.number = p.high
WHERE p.shared < ? AND (
    l.own = r.own OR l.birth = r.birth AND (l.newborn OR r.newborn) AND l.door IS NOT DISTINCT FROM r.door
)
"""
SPECIAL = """
SELECT number, birth, features->>'$.names[0][0]' = 'newborn' AS newborn,
    nullif(concat(
        coalesce(features->>'$.cards', ''), coalesce(features->>'$.passports', ''),
        coalesce(features->>'$.others', '')
    ), '') AS own,
    features->>'$.homes[0][3]' AS door
FROM registration
"""
START = "CREATE TABLE label AS SELECT number, number AS label FROM registration"
# The smallest number in reach, first along the edges, then by leaps over labels already found.
SPREAD = """
CREATE OR REPLACE TABLE label AS
WITH near AS (
    SELECT e.low AS number, l.label FROM edge e JOIN label l ON l.number = e.high
    UNION ALL SELECT e.high, l.label FROM edge e JOIN label l ON l.number = e.low
    UNION ALL SELECT number, label FROM label
), least AS (
    SELECT number, min(label) AS label FROM near GROUP BY number
)
SELECT l.number, min(further.label) AS label
FROM least l JOIN least further ON further.number = l.label GROUP BY l.number
"""
SUM = "SELECT sum(label)::HUGEINT FROM label"
ALONE = """
SELECT min(number) FROM label GROUP BY label HAVING count(*) = 1
"""
TOGETHER = """
WITH shared AS (SELECT label FROM label GROUP BY label HAVING count(*) > 1)
SELECT l.label, r.number, r.keys, r.features FROM label l
SEMI JOIN shared s ON s.label = l.label JOIN registration r ON r.number = l.number ORDER BY l.label
"""
BIRTHS = "SELECT birth, count(*) FROM registration WHERE birth <> '' GROUP BY birth"
COUNT = "SELECT (SELECT count(*) FROM registration), (SELECT count(*) FROM edge)"

Line = tuple[int, int, str, str]
Group = list[tuple[int, str, str]]
Apart = Sequence[tuple[int, int]]
"""Registrations that a steward has said are not one person."""


class Linked(NamedTuple):
    """A registration and the cluster it belongs to, named by one of its members."""

    registration: int
    cluster: int


class Linker(Protocol):
    """Links a file of registrations anew: here (`link`), or on many machines (`spark`)."""

    def __call__(
        self, file: Path, model: Model, *, figures: "Figures", apart: Apart
    ) -> Iterator[Linked]:
        """The cluster of every registration, in any order."""


@dataclass(slots=True)
class Figures:
    """What a run came to."""

    registrations: int = 0
    pairs: int = 0


def write(
    file: Path,
    population: Iterable[Features],
    comparisons: Comparisons,
    hasher: Callable[[str], int],
) -> None:
    """The file that `link` reads, for features at hand; they are numbered from 0."""
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        for number, one in enumerate(population):
            keys = ",".join(map(str, comparisons.keys(one, hasher)))
            born = one.births[0] if one.births else ""
            writer.writerow((number, born, f"{{{keys}}}", orjson.dumps(to_json(one)).decode()))


def link(
    file: Path,
    model: Model,
    *,
    workers: int = 2,
    figures: Figures | None = None,
    apart: Apart = (),
) -> Iterator[Linked]:
    """The clusters of the registrations in `file`: CSV of number, birth date, keys as {1,2}, features."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {workers}")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(f"SET temp_directory = '{file.parent}'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(READ, [str(file)])
    connection.execute(f"CREATE TABLE block AS {BLOCKS}", [BLOCK_CAP])
    connection.execute(f"CREATE TABLE special AS {SPECIAL}")
    connection.execute("CREATE TABLE pair (low BIGINT, high BIGINT, shared BIGINT)")
    for part in range(PARTS):
        connection.execute(f"INSERT INTO pair {PAIRS}", [PARTS, part])
    fewest = COMPARISONS[model.comparisons].fewest
    connection.execute(f"CREATE TABLE edge AS {EDGES}", [fewest, fewest])
    connection.execute("DROP TABLE block; DROP TABLE pair; DROP TABLE special")
    _components(connection)
    registrations, pairs = connection.execute(COUNT).fetchall()[0]
    if figures:
        figures.registrations, figures.pairs = registrations, pairs
    births = dict(connection.execute(BIRTHS).fetchall())
    for (number,) in connection.execute(ALONE).fetchall():
        yield Linked(number, number)
    around = surroundings(registrations, births)
    with ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_prepare,
        initargs=(model, around, apart),
    ) as pool:
        waiting: deque[Future[list[Linked]]] = deque()
        for chunk in _chunks(connection):
            waiting.append(pool.submit(_clusters, chunk))
            if len(waiting) > 2 * workers:  # no more in memory than is being worked on
                yield from waiting.popleft().result()
        for future in waiting:
            yield from future.result()


def surroundings(registrations: int, births: Mapping[str, int]) -> Surroundings:
    """What scoring needs to know of a population of so many registrations, born so."""
    return Surroundings(int(registrations * PERSONS_PER_REGISTRATION), registrations, births)


def _components(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(START)
    before = None
    while (now := connection.execute(SUM).fetchall()) != before:
        before = now
        connection.execute(SPREAD)


def _chunks(connection: duckdb.DuckDBPyConnection) -> Iterator[list[Group]]:
    """Whole groups, at least `CHUNK` registrations of them at a time."""
    cursor = connection.execute(TOGETHER)
    chunk: list[Group] = []
    size = 0
    for _, lines in groupby(_lines(cursor), key=lambda line: line[0]):
        group = [(number, keys, features) for _, number, keys, features in lines]
        chunk.append(group)
        size += len(group)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lines(cursor: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    while rows := cursor.fetchmany(CHUNK):
        yield from rows


_prepared: dict[str, tuple[Model, Surroundings, Apart]] = {}


def _prepare(model: Model, around: Surroundings, apart: Apart) -> None:
    _prepared["run"] = (model, around, apart)


def _clusters(groups: Sequence[Group]) -> list[Linked]:
    """The clusters of whole groups, in a process of the pool."""
    model, around, apart = _prepared["run"]
    found: list[Linked] = []
    for group in groups:
        found += cluster(members_of(group), model, around, apart)
    return found


def members_of(group: Iterable[tuple[int, str, str]]) -> list[Member]:
    """Registrations as the file has them, ready for a roster."""
    return [
        Member(str(number), "", from_json(orjson.loads(features)), _keys(keys))
        for number, keys, features in group
    ]


def _keys(written: str) -> tuple[int, ...]:
    return tuple(map(int, written.strip("{}").split(","))) if written != "{}" else ()


def cluster(
    members: Iterable[Member], model: Model, around: Surroundings, apart: Apart = ()
) -> list[Linked]:
    """Place each member, the fullest first; then join the persons that prove to be one."""
    roster = Roster(model, around)
    roster.set_apart((str(one), str(two)) for one, two in apart)
    twofold: list[tuple[str, str]] = []
    for member in sorted(members, key=_fullest_first):
        roster.crowded.update(
            key for key in member.keys if len(roster.by_key.get(key, ())) > BLOCK_CAP
        )
        decision = roster.place(member.id, member.features, member.keys)
        person = decision.person or member.id
        roster.add(Member(member.id, person, member.features, member.keys))
        twofold += _twofold(person, decision)
    for one, two in twofold:
        if roster.by_person.get(one) and roster.by_person.get(two) and one != two:
            pair = roster.candidate(two, roster.features_of(two), one)
            if pair.certain:
                roster.absorb(one, two)
    return [Linked(int(id_), int(member.person)) for id_, member in roster.members.items()]


def _twofold(person: str, decision: Decision) -> Iterator[tuple[str, str]]:
    if decision.absorbed:
        yield person, decision.absorbed.person
    for candidate in decision.review:
        if candidate.person != person and not candidate.guards:
            yield person, candidate.person


def _fullest_first(member: Member) -> tuple[bool, bool, int, int]:
    features: Features = member.features
    filled = sum(bool(getattr(features, name)) for name in _FIELDS)
    return (not features.numbers, features.is_newborn, -filled, int(member.id))


_FIELDS = ("names", "births", "sex", "passports", "cards", "others", "phones", "homes")
