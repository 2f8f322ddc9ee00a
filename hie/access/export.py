"""Whose export is whose. https://hl7.org/fhir/uv/bulkdata/STU2/export.html

Only the client that asked for an export learns of it; to others it is not there. The row holds what was
asked and no resource: files are read from the records when they are fetched, under the restriction that
holds then.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from hie.access.caller import Caller
from hie.errors import problem
from hie.kit.db import Connection
from hie.kit.ids import new_id

KEPT = timedelta(days=1)
MOST = 20
"""Exports of one client at a time."""

_OWN = "client = %(client)s AND institution IS NOT DISTINCT FROM %(institution)s AND until > now()"
EXPIRE = "DELETE FROM access.export WHERE until <= now()"
INSERT = f"""
INSERT INTO access.export (id, client, institution, asked, moment, writers, until)
SELECT %(id)s, %(client)s, %(institution)s, %(asked)s, %(moment)s, %(writers)s, %(until)s
WHERE (SELECT count(*) FROM access.export WHERE {_OWN}) < {MOST}
RETURNING id
"""
SELECT = f"""
SELECT id, asked, moment, writers, until, output FROM access.export WHERE id = %(id)s AND {_OWN}
"""
DELETE = f"DELETE FROM access.export WHERE id = %(id)s AND {_OWN} RETURNING id"
OUTPUT = "UPDATE access.export SET output = %s WHERE id = %s"


class Export(NamedTuple):
    """An export: what was asked, the moment that it shows, and who was writing at that moment.

    `output` lists its files once all of those have ended and somebody has asked.
    """

    id: str
    asked: dict[str, Any]
    moment: datetime
    writers: list[str]
    until: datetime
    output: dict[str, Any] | None


def require_exporting(caller: Caller, type_name: str | None = None) -> None:
    """Problem 403 unless a backend service asks, with `system/` scopes to read and to search.

    A clinician who may search everybody's demographics shall not carry them off, and a resident has
    `$everything`. https://hl7.org/fhir/uv/bulkdata/STU2/authorization.html
    """
    types = [type_name] if type_name else [scope.type for scope in caller.scopes]
    backend = caller.kind in ("operator", "institution")
    if not backend or not any(caller.permits("r", t) and caller.permits("s", t) for t in types):
        raise problem(
            403,
            "forbidden",
            f"Exports are for backend services with a scope such as system/{type_name or '*'}.rs",
            f"批量导出仅供持有 system/{type_name or '*'}.rs 等权限的后端服务使用",
        )


def _owner(caller: Caller) -> dict[str, Any]:
    return {"client": caller.client_id, "institution": caller.institution}


async def add(
    connection: Connection,
    caller: Caller,
    asked: dict[str, Any],
    moment: datetime,
    writers: set[str],
) -> str:
    """Keep what is asked for; gives the id. Problem 429 if the client has too many."""
    await connection.execute(EXPIRE)
    values = {
        "id": new_id(),
        "asked": Jsonb(asked),
        "moment": moment,
        "writers": sorted(writers),
        "until": moment + KEPT,
        **_owner(caller),
    }
    row = await (await connection.execute(INSERT, values)).fetchone()
    if row is None:
        raise problem(
            429,
            "throttled",
            f"You have {MOST} exports already; delete those that you have fetched",
            f"您已有 {MOST} 个导出任务，请先删除已取回的任务",
        )
    return str(row[0])


async def find(
    connection: Connection, caller: Caller, export_id: str, *, locked: bool = False
) -> Export | None:
    """The caller's export; None if there is none. `locked`: None also while somebody else holds it."""
    statement = f"{SELECT} FOR UPDATE SKIP LOCKED" if locked else SELECT
    values = {"id": export_id, **_owner(caller)}
    row = await (await connection.execute(statement, values)).fetchone()
    return Export(*row) if row else None


async def finish(connection: Connection, export_id: str, output: dict[str, Any]) -> None:
    """Keep the list of files."""
    await connection.execute(OUTPUT, (Jsonb(output), export_id))


async def remove(connection: Connection, caller: Caller, export_id: str) -> bool:
    """Forget the caller's export; whether there was one."""
    values = {"id": export_id, **_owner(caller)}
    return await (await connection.execute(DELETE, values)).fetchone() is not None
