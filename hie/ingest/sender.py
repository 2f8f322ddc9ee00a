"""Who may send HL7 v2 messages, and for which institution.

A facility code is a claim anybody can make, so a sender may be bound to the networks it connects from.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hie.kit.db import Connection

REGISTER = """
INSERT INTO ingest.sender (facility, application, institution, networks)
VALUES (%(facility)s, %(application)s, %(institution)s, %(networks)s::text[]::cidr[])
ON CONFLICT (facility, application)
DO UPDATE SET institution = excluded.institution, networks = excluded.networks
"""
# The entry that names the application, if there is one, goes before the one for any application.
FIND = """
SELECT institution FROM (
    SELECT * FROM ingest.sender
    WHERE facility = %(facility)s AND application IN (%(application)s, '')
    ORDER BY application DESC LIMIT 1
) s
WHERE networks = '{}' OR %(peer)s::inet IS NULL OR %(peer)s::inet <<= ANY (networks)
"""
ALL = """
SELECT s.facility, s.application, i.code, s.networks::text[]
FROM ingest.sender s JOIN store.institution i ON i.number = s.institution
ORDER BY s.facility, s.application
"""


class Sender(NamedTuple):
    """One registered sender; `institution` is the institution's code."""

    facility: str
    application: str
    institution: str
    networks: list[str]


async def register_sender(
    connection: Connection,
    facility: str,
    institution: int,
    *,
    application: str = "",
    networks: Sequence[str] = (),
) -> None:
    """Messages of this facility (MSH-4) and application (MSH-3; empty: any) are the institution's.

    `networks` such as `10.1.0.0/16` bound where they may come from; none: anywhere.
    """
    await connection.execute(
        REGISTER,
        {
            "facility": facility,
            "application": application,
            "institution": institution,
            "networks": list(networks),
        },
    )


async def find_institution(
    connection: Connection, facility: str, application: str, peer: str | None
) -> int | None:
    """The institution's number, None if the sender is unknown or connects from elsewhere.

    A `peer` of None stands for an operator on this machine, who may bring any sender's messages.
    """
    cursor = await connection.execute(
        FIND, {"facility": facility, "application": application, "peer": peer}
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def senders(connection: Connection) -> list[Sender]:
    """All registered senders."""
    cursor = await connection.execute(ALL)
    return [Sender(*row) for row in await cursor.fetchall()]
