"""Versions of one resource, of a type, or of all. https://hl7.org/fhir/R4/http.html#history

Newest first, by change number: each of the two tables gives its newest through the index on it. Like
every reading statement this carries the caller's restriction, an SQL condition on the row `r`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hie.fhir.dates import Range
from hie.kit.db import Connection
from hie.store.read import PAST, ROW_COLUMNS, Condition, Row

# In rows that are older than the column: the exchange itself gives UUIDs of version 7 as ids.
MADE_BY_PUT = """
coalesce(r.id_given, r.id NOT LIKE '________-____-7___-____-____________')
"""
BRANCH = f"""
(SELECT {ROW_COLUMNS}, r.change, {MADE_BY_PUT} AS by_put FROM {{table}}
WHERE {{asked}} AND {{condition}}
ORDER BY r.change DESC LIMIT %(limit)s)
"""
HISTORY = """
SELECT versions.*, version = 1 OR EXISTS (
    SELECT FROM store.history d WHERE d.type = versions.type AND d.id = versions.id
       AND d.version = versions.version - 1 AND d.body IS NULL
)
FROM ({current} UNION ALL {past}) versions ORDER BY change DESC LIMIT %(limit)s
"""
# A version is current from its own time until that of the next one.
REPLACED = """
NOT EXISTS (SELECT FROM {table} n WHERE n.type = r.type AND n.id = r.id
            AND n.version > r.version AND n.last_updated <= %(at_low)s)
"""


# Every version of what is listed without one.
LISTED = """
EXISTS (SELECT FROM unnest(%(listed_types)s::smallint[], %(listed_ids)s::text[],
                           %(listed_versions)s::text[]) AS listed (type, id, version)
        WHERE listed.type = r.type AND listed.id = r.id
          AND (listed.version IS NULL OR listed.version = r.version::text))
"""


class Listed(NamedTuple):
    """What a List refers to: a resource, or one of its versions."""

    type_number: int
    id: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which versions: of a type, of one id, made since a moment, current at some time in a range.

    `listed`: only those that a List refers to.
    """

    type_number: int | None = None
    id: str | None = None
    since: datetime | None = None
    at: Range | None = None
    listed: tuple[Listed, ...] | None = None


class Past(NamedTuple):
    """A version with the number of the change that made it, and how it did.

    `created`: there was nothing before it, or what there was had been deleted. `by_put`: whoever
    created the resource gave it its id.
    """

    row: Row
    change: int
    by_put: bool
    created: bool


def _terms(asked: Asked, before: int | None) -> tuple[str, dict[str, object]]:
    terms = ["true"]
    values: dict[str, object] = {}
    for column, value in (("type", asked.type_number), ("id", asked.id)):
        if value is not None:
            terms.append(f"r.{column} = %({column})s")
            values[column] = value
    if asked.since is not None:
        terms.append("r.last_updated >= %(since)s")
        values["since"] = asked.since
    if asked.at is not None:
        terms.append("r.last_updated < %(at_high)s")
        terms += [REPLACED.format(table=name) for name in ("store.resource", "store.history")]
        values |= {"at_low": asked.at.low, "at_high": asked.at.high}
    if asked.listed is not None:
        terms.append(LISTED)
        names = ("listed_types", "listed_ids", "listed_versions")
        columns = zip(*asked.listed, strict=True) if asked.listed else ((), (), ())
        values |= {name: list(column) for name, column in zip(names, columns, strict=True)}
    if before is not None:
        terms.append("r.change < %(before)s")
        values["before"] = before
    return " AND ".join(terms), values


async def history(
    connection: Connection,
    asked: Asked,
    condition: Condition,
    *,
    before: int | None,
    limit: int,
) -> list[Past]:
    """Up to `limit` versions, deletions included, whose change number is below `before`."""
    terms, values = _terms(asked, before)
    current, past = (
        BRANCH.format(table=table, asked=terms, condition=condition.sql)
        for table in ("store.resource r", PAST)
    )
    cursor = await connection.execute(
        HISTORY.format(current=current, past=past), {**condition.values, **values, "limit": limit}
    )
    return [Past(Row(*found[:-3]), *found[-3:]) for found in await cursor.fetchall()]
