"""Who acts for a resident: guardians of children, and proxies with an end and allowed actions.

- A guardian acts for a child under 14: reads, restricts, contributes. From 14 to 18 the guardian
  still reads, the young person decides, and may hide a visit from the guardian, too.
  (未成年人: 民法典 article 17; consent for those under 14: 个人信息保护法 article 31.)
- A proxy has an end, at most two years away, and may do what was allowed and nothing else.

A table of its own and no RelatedPerson: that is what an institution says about a relative and gives
no right. Guardianship is seen on paper at a counter; an adult appoints a proxy by an invitation that
the proxy accepts (`hie.access.invitation`), or at the counter, too. Each statement asks it anew.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.clock import now
from hie.kit.db import Connection

ACTIONS = ("read", "consent", "contribute")
CHILD_UNTIL = 14
MINOR_UNTIL = 18
LONGEST_PROXY = timedelta(days=731)

INSERT = """
INSERT INTO access.representative
    (person, representative, kind, actions, basis, granted_by, since, until)
VALUES (%s, %s, %s, %s::text[], %s, %s, %s, %s)
"""
IN_FORCE = "ended IS NULL AND since <= now() AND until > now()"
END = """
UPDATE access.representative SET ended = now()
WHERE number = %s AND ended IS NULL AND (%s::text IS NULL OR person = %s OR representative = %s)
RETURNING person
"""
COLUMNS = "number, person, representative, kind, actions, basis, since, until"
OF_PERSON = f"""
SELECT {COLUMNS} FROM access.representative
WHERE person = %s AND ended IS NULL AND until > now() ORDER BY since, number
"""
BY_REPRESENTATIVE = f"""
SELECT {COLUMNS} FROM access.representative WHERE representative = %s AND {IN_FORCE}
ORDER BY number
"""
REPRESENTED = f"""
SELECT person FROM access.representative
WHERE person = %s AND representative = %s AND 'read' = ANY(actions) AND {IN_FORCE}
"""
"""The person, if the representative may read the record now; for use in statements."""
MAY = f"""
SELECT FROM access.representative
WHERE person = %s AND representative = %s AND %s = ANY(actions) AND {IN_FORCE}
"""


class Representation(NamedTuple):
    """Somebody who acts for a person."""

    number: int
    person: str
    representative: str
    kind: str
    actions: list[str]
    basis: str
    since: datetime
    until: datetime


def _birthday(born: date, years: int) -> datetime:
    """Midnight in China before the birthday; of those born on 29 February it is 1 March."""
    try:
        day = born.replace(year=born.year + years)
    except ValueError:
        day = date(born.year + years, 3, 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)


async def appoint_guardian(
    connection: Connection, *, person: str, guardian: str, born: date, basis: str, by: str
) -> None:
    """Let the guardian act until the child is 14 and read until it is 18.

    ValueError for somebody who is 18 already, or for oneself.
    """
    child, minor = _birthday(born, CHILD_UNTIL), _birthday(born, MINOR_UNTIL)
    if minor <= now() or person == guardian:
        raise ValueError("a guardian is for somebody else who is under 18")
    since = now()
    if child > since:
        row = (person, guardian, "guardian", list(ACTIONS), basis, by, since, child)
        await connection.execute(INSERT, row)
    row = (person, guardian, "guardian", ["read"], basis, by, max(since, child), minor)
    await connection.execute(INSERT, row)


async def appoint_proxy(
    connection: Connection,
    *,
    person: str,
    proxy: str,
    actions: list[str],
    until: datetime,
    basis: str,
    by: str,
) -> None:
    """Let the proxy do these actions until then. ValueError for what a proxy cannot be."""
    if not actions or set(actions) - set(ACTIONS) or person == proxy:
        raise ValueError(f"a proxy is somebody else, with actions of: {', '.join(ACTIONS)}")
    if not now() < until <= now() + LONGEST_PROXY:
        raise ValueError("a proxy ends within two years")
    row = (person, proxy, "proxy", sorted(set(actions)), basis, by, now(), until)
    await connection.execute(INSERT, row)


async def end_representation(connection: Connection, number: int, party: str | None) -> str | None:
    """End it now; whom it was for, None if there is none that `party` (None: an operator) may end."""
    cursor = await connection.execute(END, (number, party, party, party))
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def representatives_of(connection: Connection, person: str) -> list[Representation]:
    """Who acts for the person, now or later."""
    async with connection.cursor(row_factory=class_row(Representation)) as cursor:
        return await (await cursor.execute(OF_PERSON, (person,))).fetchall()


async def represented_by(connection: Connection, representative: str) -> list[Representation]:
    """For whom the representative acts now."""
    async with connection.cursor(row_factory=class_row(Representation)) as cursor:
        return await (await cursor.execute(BY_REPRESENTATIVE, (representative,))).fetchall()


async def may(connection: Connection, person: str, representative: str, action: str) -> bool:
    """Whether the representative may do this for the person now."""
    cursor = await connection.execute(MAY, (person, representative, action))
    return await cursor.fetchone() is not None
