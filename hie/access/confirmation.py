"""The second confirmation: a clinician who has opened a record states why its sensitive part is needed.

It lasts no longer than the opening, and it is on record like one. Without it, sensitive entries are
neither shown nor counted.
"""

from datetime import datetime
from typing import NamedTuple

from hie.errors import problem
from hie.kit.clock import now
from hie.kit.db import Connection

OPEN_UNTIL = """
SELECT max(o.until) FROM access.opened_record o JOIN mpi.person p ON p.id = o.patient
WHERE o.account = %s AND o.until > now() AND coalesce(p.merged_into, p.id) = %s
"""
INSERT = """
INSERT INTO access.confirmation (account, person, note, confirmed, until)
VALUES (%s, %s, %s, %s, %s)
"""


END = """
UPDATE access.confirmation SET until = now()
WHERE account = %(account)s AND until > now()
  AND person = (SELECT coalesce(merged_into, id) FROM mpi.person WHERE id = %(patient)s)
"""


class Confirmation(NamedTuple):
    """Why the sensitive part is shown, and until when."""

    note: str
    until: datetime


async def confirm(connection: Connection, account: str, person: str, note: str) -> Confirmation:
    """Show the account the sensitive part of the record that it has opened.

    Problem 422 without a reason in words, 403 if the record is not open to the account.
    """
    if not note.strip():
        raise problem(
            422,
            "required",
            "Say in a note why the sensitive part of the record is needed",
            "请用文字说明为何需要查阅敏感信息",
            "Parameters.parameter.where(name='note')",
        )
    cursor = await connection.execute(OPEN_UNTIL, (account, person))
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise problem(
            403,
            "forbidden",
            "Open the record with a reason first",
            "请先说明理由调阅档案",
        )
    await connection.execute(INSERT, (account, person, note.strip(), now(), row[0]))
    return Confirmation(note.strip(), row[0])


async def end(connection: Connection, account: str, patient: str) -> None:
    """Who closes the record and opens it again has to confirm again."""
    await connection.execute(END, {"account": account, "patient": patient})
