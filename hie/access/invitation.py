"""An adult invites somebody to act as proxy, by a code that is handed over in person or by telephone.

Nobody is looked up, so nothing is learned about who is registered. The code has 60 random bits, works
once within a week, and only for somebody of the name that the inviter wrote: a code that went astray is
gone after five who are called otherwise. Only its hash is kept.
"""

import unicodedata
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import choice
from typing import NamedTuple

from psycopg.rows import class_row

from hie.access.representation import ACTIONS, LONGEST_PROXY, appoint_proxy
from hie.kit.clock import now
from hie.kit.db import Connection

LIFETIME = timedelta(days=7)
MOST_FAILURES = 5
MOST_OPEN = 10
LONGEST_NAME = 100
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, 1, I and O, which are misread."""
LENGTH = 12

_OPEN = "accepted IS NULL AND withdrawn IS NULL AND expires > now()"
COLUMNS = "number, person, name, actions, until, made, expires"
INSERT = f"""
INSERT INTO access.invitation (person, name, hash, actions, until, made, expires)
SELECT %(person)s, %(name)s, %(hash)s, %(actions)s::text[], %(until)s, %(made)s, %(expires)s
WHERE (SELECT count(*) FROM access.invitation
       WHERE person = %(person)s AND {_OPEN}) < %(most)s
RETURNING {COLUMNS}
"""
FIND = f"""
SELECT {COLUMNS} FROM access.invitation
WHERE hash = %s AND {_OPEN} AND until > now() AND failures < %s FOR UPDATE
"""
FAIL = "UPDATE access.invitation SET failures = failures + 1 WHERE number = %s"
ACCEPT = "UPDATE access.invitation SET accepted = now() WHERE number = %s"
WITHDRAW = f"""
UPDATE access.invitation SET withdrawn = now() WHERE number = %s AND person = %s AND {_OPEN}
"""
OF_PERSON = f"""
SELECT {COLUMNS} FROM access.invitation WHERE person = %s AND {_OPEN} ORDER BY number
"""


class Invitation(NamedTuple):
    """Somebody is to act for `person`, once they accept."""

    number: int
    person: str
    name: str
    actions: list[str]
    until: datetime
    made: datetime
    expires: datetime


def _plain(text: str) -> str:
    """A name or a code without what people write differently."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if one.isalnum())


def _hash(code: str) -> bytes:
    return sha256(_plain(code).encode()).digest()


def _is_meant(invitation: Invitation, name: str) -> bool:
    return _plain(invitation.name) == _plain(name)


async def invite(
    connection: Connection, *, person: str, name: str, actions: list[str], until: datetime
) -> tuple[Invitation, str]:
    """A new invitation and its code. ValueError for what cannot be allowed, or for too many."""
    if not actions or set(actions) - set(ACTIONS):
        raise ValueError(f"actions are some of: {', '.join(ACTIONS)}")
    if not now() < until <= now() + LONGEST_PROXY:
        raise ValueError("a proxy ends within two years")
    if not _plain(name) or len(name) > LONGEST_NAME:
        raise ValueError("a proxy has a name")
    drawn = "".join(choice(LETTERS) for _ in range(LENGTH))
    made = now()
    row = {
        "person": person, "name": name.strip(), "hash": _hash(drawn),
        "actions": sorted(set(actions)), "until": until, "made": made,
        "expires": min(made + LIFETIME, until), "most": MOST_OPEN,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(Invitation)) as cursor:
        await cursor.execute(INSERT, row)
        invitation = await cursor.fetchone()
    if invitation is None:
        raise ValueError(f"at most {MOST_OPEN} invitations wait at a time")
    return invitation, "-".join(drawn[at : at + 4] for at in range(0, LENGTH, 4))


async def find_invitation(
    connection: Connection, code: str, *, reader: str, name: str
) -> Invitation | None:
    """The open invitation of this code for somebody of this name, locked; else None.

    Another name counts against the code: the caller's transaction must be committed either way.
    """
    async with connection.cursor(row_factory=class_row(Invitation)) as cursor:
        await cursor.execute(FIND, (_hash(code), MOST_FAILURES))
        found = await cursor.fetchone()
    if found is None:
        return None
    if found.person == reader or not _is_meant(found, name):
        await connection.execute(FAIL, (found.number,))
        return None
    return found


async def accept(connection: Connection, invitation: Invitation, proxy: str) -> None:
    """The proxy acts from now on; the invitation is over. It has to come from `find_invitation`."""
    await connection.execute(ACCEPT, (invitation.number,))
    await appoint_proxy(
        connection,
        person=invitation.person,
        proxy=proxy,
        actions=invitation.actions,
        until=invitation.until,
        basis=f"invitation {invitation.number}",
        by=f"Patient/{invitation.person}",
    )


async def withdraw(connection: Connection, number: int, person: str) -> bool:
    """End an invitation that nobody has accepted; whether there was one of this person's."""
    return (await connection.execute(WITHDRAW, (number, person))).rowcount == 1


async def invitations_of(connection: Connection, person: str) -> list[Invitation]:
    """Those of this person that wait."""
    async with connection.cursor(row_factory=class_row(Invitation)) as cursor:
        return await (await cursor.execute(OF_PERSON, (person,))).fetchall()
