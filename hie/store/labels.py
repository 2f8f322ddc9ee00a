"""The bodies whose labels are asked for. https://hl7.org/fhir/R4/resource-operation-meta.html"""

from hie.kit.db import Connection
from hie.store.read import ROW_COLUMNS, Condition, Row

BODIES = f"""
SELECT {ROW_COLUMNS} FROM store.resource r
WHERE (%(type)s::smallint IS NULL OR r.type = %(type)s) AND {{condition}} LIMIT %(limit)s
"""


async def some(
    connection: Connection, type_number: int | None, condition: Condition, *, limit: int
) -> list[Row]:
    """Up to `limit` current rows, of one type or of all, in no order."""
    cursor = await connection.execute(
        BODIES.format(condition=condition.sql),
        {**condition.values, "type": type_number, "limit": limit},
    )
    return [Row(*row) for row in await cursor.fetchall()]
