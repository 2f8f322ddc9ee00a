"""Launch contexts: an EHR (or the clinician's portal) starts an app with a patient in focus.

The `launch` value is random, works once, within minutes, for one app and one person.
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from hie.auth.secret import digest, new_secret
from hie.kit.db import Connection

LAUNCH_SECONDS = 300

INSERT = """
INSERT INTO auth.launch (hash, client_id, account, patient, context, expires_at)
VALUES (%(hash)s, %(client_id)s, %(account)s, %(patient)s, %(context)s,
    now() + make_interval(secs => %(seconds)s))
"""
SELECT = """
SELECT patient, context FROM auth.launch
WHERE hash = %s AND client_id = %s AND account = %s AND used_at IS NULL AND expires_at > now()
"""
USE = "UPDATE auth.launch SET used_at = now() WHERE hash = %s AND used_at IS NULL"


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """What the token response tells the app beside the token."""

    patient: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`encounter`, `fhirContext`, `intent`, `need_patient_banner`, `tenant`, …"""


async def begin_launch(
    conn: Connection,
    *,
    client_id: str,
    account: str,
    patient: str | None,
    parameters: Mapping[str, Any] | None = None,
) -> str:
    """The `launch` value for the app's launch address; `account` is the login of who starts it.

    The caller has checked that this person may open this patient.
    """
    launch = new_secret()
    await conn.execute(
        INSERT,
        {
            "hash": digest(launch),
            "client_id": client_id,
            "account": account,
            "patient": patient,
            "context": Jsonb(dict(parameters or {})),
            "seconds": LAUNCH_SECONDS,
        },
    )
    return launch


async def find_launch(
    conn: Connection, launch: str, client_id: str, account: str
) -> LaunchContext | None:
    """The context behind a `launch` value, if it is this app's and this person's and not used."""
    cursor = await conn.execute(SELECT, (digest(launch), client_id, account))
    row = await cursor.fetchone()
    return None if row is None else LaunchContext(row[0], row[1])


async def use_launch(conn: Connection, launch: str) -> bool:
    """Spend the `launch` value; False if another request was first."""
    cursor = await conn.execute(USE, (digest(launch),))
    return cursor.rowcount == 1
