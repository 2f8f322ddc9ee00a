"""How often one caller may ask who fits a description, so that nobody walks through the population.

Counted in PostgreSQL by whole minutes, one counter for all workers.
"""

from hie.errors import problem
from hie.kit.db import Connection

COUNT = """
INSERT INTO mpi.asked AS a (caller, minute, times) VALUES (%s, date_trunc('minute', now()), 1)
ON CONFLICT (caller) DO UPDATE SET
    times = CASE WHEN a.minute = excluded.minute THEN a.times + 1 ELSE 1 END,
    minute = excluded.minute
RETURNING times
"""


async def count_question(connection: Connection, caller: str, most: int) -> None:
    """Count one question of the caller's; Problem 429 from the one after `most` in a minute on."""
    cursor = await connection.execute(COUNT, (caller,))
    row = await cursor.fetchone()
    if row and row[0] > most:
        raise problem(
            429,
            "throttled",
            f"At most {most} questions about persons a minute; ask again in a minute",
            f"每分钟最多查询 {most} 次，请一分钟后再试",
        )
