"""The root of each day: the last link of its chain, to be published and noted elsewhere.

Whoever holds one root of a day can tell for ever whether the trail up to that day is still the same.
"""

from datetime import date
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.db import Connection

# Days are those of the district: https://www.iana.org/time-zones (Asia/Shanghai)
ROOTS = """
SELECT DISTINCT ON (day) (sealed AT TIME ZONE 'Asia/Shanghai')::date AS day,
       position, algorithm, encode(link, 'hex') AS root
FROM audit.seal WHERE sealed >= now() - make_interval(days => %s)
ORDER BY day DESC, position DESC
"""


class Root(NamedTuple):
    """The last link of a day; of the present day it goes on changing."""

    day: date
    position: int
    algorithm: str
    root: str


async def daily_roots(connection: Connection, days: int) -> list[Root]:
    """The roots of the last `days` days on which something was sealed, newest first."""
    async with connection.cursor(row_factory=class_row(Root)) as cursor:
        return await (await cursor.execute(ROOTS, (days,))).fetchall()
