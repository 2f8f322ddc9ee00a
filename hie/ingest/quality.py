"""How well each institution sends: counts, refusals and delay over a period."""

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.clock import now
from hie.kit.db import Connection

# The delay is from arrival to the record; messages in quarantine have none yet.
COUNT = """
SELECT i.code AS institution, i.name, m.message_type,
       count(*) AS received,
       count(*) FILTER (WHERE m.state = 'done') AS done,
       count(*) FILTER (WHERE m.state = 'received') AS waiting,
       count(*) FILTER (WHERE m.state = 'quarantined') AS quarantined,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM m.settled - m.received))
           FILTER (WHERE m.state = 'done') AS delay,
       max(m.received) AS latest
FROM ingest.inbox m JOIN store.institution i ON i.number = m.institution
WHERE m.received >= %s
GROUP BY i.code, i.name, m.message_type ORDER BY i.code, m.message_type
"""


class Count(NamedTuple):
    """One institution's messages of one type; `delay` is the 95th percentile in seconds."""

    institution: str
    name: str
    message_type: str
    received: int
    done: int
    waiting: int
    quarantined: int
    delay: float | None
    latest: datetime


async def counts(connection: Connection, period: timedelta = timedelta(days=1)) -> list[Count]:
    """What arrived in the last `period`, by institution and message type."""
    async with connection.cursor(row_factory=class_row(Count)) as cursor:
        await cursor.execute(COUNT, (now() - period,))
        return await cursor.fetchall()
