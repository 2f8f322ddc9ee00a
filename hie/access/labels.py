"""Sensitive classes in the database.

https://hl7.org/fhir/R4/security-labels.html
"""

from collections.abc import Iterable

from hie.kit.clock import now
from hie.kit.db import Connection

INSERT = """
INSERT INTO access.label (key, class, since)
SELECT key, class, %s FROM unnest(%s::bigint[], %s::text[]) AS found (key, class)
ON CONFLICT DO NOTHING
"""


async def add_labels(connection: Connection, found: Iterable[tuple[int, frozenset[str]]]) -> None:
    """Label the resources with these keys. A label that is there stays whatever later versions say."""
    pairs = [(key, name) for key, classes in found for name in sorted(classes)]
    if pairs:
        await connection.execute(
            INSERT, (now(), [key for key, _ in pairs], [name for _, name in pairs])
        )
