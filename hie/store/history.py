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

BRANCH = f"""
(SELECT {ROW_COLUMNS}, r.change FROM {{table}}
WHERE {{asked}} AND {{condition}}
ORDER BY r.change DESC LIMIT %(limit)s)
"""
HISTORY = """
SELECT * FROM ({current} UNION ALL {past}) versions ORDER BY change DESC LIMIT %(limit)s
"""
# A version is current from its own time until that of the next one.
REPLACED = """
NOT EXISTS (SELECT FROM {table} n WHERE n.type = r.type AND n.id = r.id
            AND n.version > r.version AND n.last_updated <= %(at_low)s)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which versions: of a type, of one id, made since a moment, current at some time in a range."""

    type_number: int | None = None
    id: str | None = None
    since: datetime | None = None
    at: Range | None = None


class Past(NamedTuple):
    """A version with the number of the change that made it."""

    row: Row
    change: int


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
    return [Past(Row(*found[:-1]), found[-1]) for found in await cursor.fetchall()]
