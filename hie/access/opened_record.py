"""A clinician opens a person's record by stating a reason; the opening ends by itself.

The purposes are those of http://terminology.hl7.org/ValueSet/v3-PurposeOfUse that apply to care.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from hie.errors import problem
from hie.kit.clock import now
from hie.kit.db import Connection

DURATION = timedelta(hours=1)
NOTE_LENGTH = 500

REASONS = {
    "TREAT": ("treatment", "诊疗"),
    "COC": ("coordination of care between institutions", "机构间协同照护"),
    "ETREAT": ("emergency treatment", "急诊抢救"),
}

INSERT = """
INSERT INTO access.opened_record (account, client_id, patient, reason, note, opened, until)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

OPENED = "SELECT patient FROM access.opened_record WHERE account = %s AND until > now()"
"""The golden Patient ids of the records that are open to an account now; for use in statements."""

PURPOSES = """ARRAY(
    SELECT unnest(ARRAY[o.reason, 'TREAT'])
    FROM access.opened_record o JOIN mpi.person p ON p.id = o.patient
    WHERE o.account = %s AND o.until > now() AND coalesce(p.merged_into, p.id) = concerned.id
)"""
"""For which purposes an account reads the record of `concerned.id`; all of them are kinds of TREAT.

https://terminology.hl7.org/CodeSystem-v3-ActReason.html
"""

SELECT_CURRENT = """
SELECT reason, note, until FROM access.opened_record
WHERE account = %s AND patient = %s AND until > now() ORDER BY until DESC LIMIT 1
"""


class Opening(NamedTuple):
    """Why a record is open, and until when."""

    reason: str
    note: str
    until: datetime


async def open_record(
    connection: Connection, *, account: str, client_id: str, patient: str, reason: str, note: str
) -> Opening:
    """Let `account` read the person's record for an hour. Problem 422 without a proper reason."""
    if reason not in REASONS:
        allowed = ", ".join(f"{code} ({en})" for code, (en, _) in REASONS.items())
        permitted = "、".join(f"{code}（{zh}）" for code, (_, zh) in REASONS.items())
        raise problem(
            422,
            "required",
            f"State a reason; one of: {allowed}",
            f"请说明调阅理由，可选：{permitted}",
            "Parameters.parameter.where(name='reason')",
        )
    if len(note) > NOTE_LENGTH:
        raise problem(
            422,
            "too-long",
            f"The note has {len(note)} characters; at most {NOTE_LENGTH} are kept",
            f"说明共 {len(note)} 个字，最多 {NOTE_LENGTH} 个字",
            "Parameters.parameter.where(name='note')",
        )
    opened = now()
    until = opened + DURATION
    await connection.execute(INSERT, (account, client_id, patient, reason, note, opened, until))
    return Opening(reason, note, until)


async def current_opening(connection: Connection, account: str, patient: str) -> Opening | None:
    """The opening of this person's record to the account that lasts longest, if one is in force."""
    cursor = await connection.execute(SELECT_CURRENT, (account, patient))
    row = await cursor.fetchone()
    return Opening(*row) if row else None
