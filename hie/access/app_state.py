"""Whose app state is whose. https://hl7.org/fhir/smart-app-launch/STU2.2/app-state.html

State is no part of anybody's record: it is kept apart from it, and no read, search or export of records
finds it. Every statement names the client, so that an app reaches its own state only, and the subject,
which is the very person who is signed in: neither a clinician nor somebody who acts for a resident
sees what the resident's app has kept. State without a subject is read by all users of the app and
changed by administrators.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hie.access.caller import Caller, Permission
from hie.errors import Problem, problem
from hie.kit.db import Connection
from hie.kit.ids import new_id

NOBODY = ""
"""The subject of state that an app keeps for all its users."""
MOST = 100
"""States of one app about one subject."""

_COLUMNS = "id, subject, code, version, last_updated, body"
INSERT = f"""
INSERT INTO access.app_state (id, client, subject, code, body)
SELECT %(id)s, %(client)s, %(subject)s, %(code)s, %(body)s
WHERE (SELECT count(*) FROM access.app_state
       WHERE client = %(client)s AND subject = %(subject)s) < {MOST}
RETURNING {_COLUMNS}
"""
UPDATE = f"""
UPDATE access.app_state SET body = %(body)s, version = version + 1, last_updated = now()
WHERE id = %(id)s AND client = %(client)s AND subject = %(subject)s AND code = %(code)s
    AND version = ANY(%(versions)s::bigint[])
RETURNING {_COLUMNS}
"""
LOCK = f"SELECT {_COLUMNS} FROM access.app_state WHERE id = %s AND client = %s FOR UPDATE"
DELETE = "DELETE FROM access.app_state WHERE id = %s AND client = %s"
SELECT = f"""
SELECT {_COLUMNS} FROM access.app_state WHERE client = %s AND subject = %s AND code = %s ORDER BY id
"""


class State(NamedTuple):
    """One state; `code` is `system|code`, `body` the resource without id and meta."""

    id: str
    subject: str
    code: str
    version: int
    last_updated: datetime
    body: bytes


def _context(caller: Caller, base: str, subject: str, permission: Permission) -> set[str]:
    """The contexts whose scopes reach the subject; none if it is not the caller's."""
    if caller.kind not in ("resident", "staff"):
        return set()
    contexts = set()
    if subject == NOBODY:
        if permission == "s" or "administrator" in caller.roles:
            contexts.add("user")
    elif caller.user is not None and subject == f"{base}/{caller.user}":
        contexts.add("user")
    own = caller.kind == "resident" and caller.representative is None
    if own and caller.patient and subject == f"{base}/Patient/{caller.patient}":
        contexts.add("patient")
    return contexts


def permits(caller: Caller, base: str, permission: Permission, subject: str, code: str) -> bool:
    """Whether a scope such as `patient/Basic.cuds?code=system|code` reaches this state.

    `base` is the FHIR base, under which subjects are absolute.
    """
    contexts = _context(caller, base, subject, permission)
    return any(
        scope.context in contexts
        and scope.type in ("*", "Basic")
        and permission in scope.permissions
        and all(condition == ("code", code) for condition in scope.query)
        for scope in caller.scopes
    )


def require(caller: Caller, base: str, permission: Permission, subject: str, code: str) -> None:
    """Problem 403 unless the caller's scopes reach this state, whether it exists or not."""
    if not permits(caller, base, permission, subject, code):
        raise problem(
            403,
            "forbidden",
            "An app keeps state about the person who is signed in, with a scope such as "
            "patient/Basic.cuds or user/Basic.cuds; state without a subject is for administrators",
            "应用只能保存当前登录者本人的状态，并需 patient/Basic.cuds 或 user/Basic.cuds 等权限；"
            "无主体的状态由管理员维护",
            "Basic.subject",
        )


def _changed_meanwhile() -> Problem:
    return problem(
        412,
        "conflict",
        "If-Match does not name the present version of a state with this id, subject and code",
        "If-Match 与该 id、主体和编码的当前版本不符",
    )


async def insert(
    connection: Connection, caller: Caller, subject: str, code: str, body: bytes
) -> State:
    """Keep a new state. Problem 422 if the app keeps too many about the subject."""
    values = {"client": caller.client_id, "subject": subject, "code": code, "body": body}
    row = await (await connection.execute(INSERT, {"id": new_id(), **values})).fetchone()
    if row is None:
        raise problem(
            422,
            "too-costly",
            f"An app keeps at most {MOST} states about one subject",
            f"每个应用对同一主体最多保存 {MOST} 条状态",
        )
    return State(*row)


async def update(
    connection: Connection,
    caller: Caller,
    state_id: str,
    subject: str,
    code: str,
    body: bytes,
    versions: Sequence[int],
) -> State:
    """Replace a state. Problem 412 for what is gone, somebody else's, changed, or of another code."""
    row = await (
        await connection.execute(
            UPDATE,
            {
                "id": state_id,
                "client": caller.client_id,
                "subject": subject,
                "code": code,
                "body": body,
                "versions": list(versions),
            },
        )
    ).fetchone()
    if row is None:
        raise _changed_meanwhile()
    return State(*row)


async def delete(
    connection: Connection, caller: Caller, base: str, state_id: str, versions: Sequence[int]
) -> State:
    """Remove a state, and give it. Problem 412 as for `update`."""
    row = await (await connection.execute(LOCK, (state_id, caller.client_id))).fetchone()
    state = None if row is None else State(*row)
    if (
        state is None
        or not permits(caller, base, "d", state.subject, state.code)
        or state.version not in versions
    ):
        raise _changed_meanwhile()
    await connection.execute(DELETE, (state_id, caller.client_id))
    return state


async def states(connection: Connection, caller: Caller, subject: str, code: str) -> list[State]:
    """The app's states about the subject under this code."""
    cursor = await connection.execute(SELECT, (caller.client_id, subject, code))
    return [State(*row) for row in await cursor.fetchall()]
