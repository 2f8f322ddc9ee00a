"""What was done under an emergency opening, for the reviewer who has to judge it.

The trail tells what was asked and which entries were disclosed, never their content.
"""

from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.access.caller import Caller
from hie.access.emergency import Emergency, emergency_opening
from hie.errors import problem
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.openings import require_reviewer
from hie.records.representation import name_of

MOST = 500

# Up to its end, whichever way it ended. The opening itself is recorded when its transaction commits.
READS = """
SELECT e.recorded, e.interaction, e.entity_type, e.entity_id, e.entity_count, e.query, e.client_id,
       e.address
FROM audit.event e
WHERE e.account = %(account)s AND e.recorded >= %(opened)s AND e.recorded <= %(until)s
  AND e.patient = ANY(ARRAY(
      SELECT p.id FROM mpi.person p WHERE p.id = %(patient)s OR p.merged_into = %(patient)s))
ORDER BY e.number LIMIT %(limit)s
"""


class Read(NamedTuple):
    """One line of the trail: an entry by its id, or a search with how many it found."""

    recorded: datetime
    interaction: str
    entity_type: str | None
    entity_id: str | None
    entity_count: int | None
    query: str | None
    client_id: str
    address: str | None


class Reads(NamedTuple):
    """The opening, whose record it was, what was done, and whether there is more."""

    emergency: Emergency
    person: str
    reads: list[Read]
    more: bool


async def reads_of_emergency(exchange: Exchange, caller: Caller, number: int) -> Reads:
    """What was done under the opening of this number. Problem 403 or 404.

    Reviewers do not look at what they did themselves.
    """
    reviewer = require_reviewer(caller)
    async with exchange.store.database.connection() as connection:
        found = await emergency_opening(connection, number)
        if found is None or found.account == reviewer:
            raise problem(
                404,
                "not-found",
                f"There is no emergency opening {number} for your review",
                f"没有可供您复核的紧急调阅 {number}",
                "number",
            )
        values = {
            "account": found.account, "opened": found.opened, "until": found.until,
            "patient": found.patient, "limit": MOST + 1,
        }  # fmt: skip
        async with connection.cursor(row_factory=class_row(Read)) as cursor:
            await cursor.execute(READS, values)
            rows = await cursor.fetchall()
    person = await name_of(exchange, found.patient)
    await exchange.audit.record(
        event(
            caller,
            "E",
            "emergency-reads",
            found.patient,
            entity_type="Patient",
            entity_id=found.patient,
            reason=str(number),
        )
    )
    return Reads(found, person, rows[:MOST], len(rows) > MOST)
