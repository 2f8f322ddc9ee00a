"""Sensitive classes in the database, and the condition in SQL that hides their rows.

https://hl7.org/fhir/R4/security-labels.html
"""

from collections.abc import Iterable

from hie.kit.clock import now
from hie.kit.db import Connection
from hie.mpi.people import PERSON_OF_KEY
from hie.search.sql import Sql

INSERT = """
INSERT INTO access.label (key, class, since)
SELECT key, class, %s FROM unnest(%s::bigint[], %s::text[]) AS found (key, class)
ON CONFLICT DO NOTHING
"""

SENSITIVE = f"""
EXISTS (SELECT FROM access.label l WHERE l.key = r.key) AND NOT EXISTS (
    SELECT FROM access.confirmation c
    WHERE c.account = %s AND c.until > now()
      AND c.person = {PERSON_OF_KEY.format(key="r.patient_key")}
)
"""


async def add_labels(connection: Connection, found: Iterable[tuple[int, frozenset[str]]]) -> None:
    """Label the resources with these keys. A label that is there stays whatever later versions say."""
    pairs = [(key, name) for key, classes in found for name in sorted(classes)]
    if pairs:
        await connection.execute(
            INSERT, (now(), [key for key, _ in pairs], [name for _, name in pairs])
        )


def unconfirmed(account: str) -> Sql:
    """The condition that row `r` is sensitive and the account has not confirmed a second time."""
    return Sql(SENSITIVE, (account,))
