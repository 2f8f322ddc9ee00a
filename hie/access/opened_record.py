"""A clinician opens a person's record by stating a reason; the opening ends by itself.

Who treats the resident opens it for treatment or coordination of care. Who does not can only break
the glass for an emergency: the resident is told, and a reviewer has to close it afterwards. What the
resident's consents hide stays hidden in either case.

The purposes are those of http://terminology.hl7.org/ValueSet/v3-PurposeOfUse that apply to care.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from hie.errors import problem
from hie.kit.clock import now
from hie.kit.db import Connection

DURATION = timedelta(hours=1)
MOST_HOURS = 5 * 24
"""An emergency lasts five days at most, as in Australia's My Health Record."""
NOTE_LENGTH = 500

REASONS = {
    "TREAT": ("treatment", "诊疗"),
    "COC": ("coordination of care between institutions", "机构间协同照护"),
    "ETREAT": ("emergency treatment", "急诊抢救"),
}
EMERGENCY = "ETREAT"

INSERT = """
INSERT INTO access.opened_record
    (account, client_id, patient, reason, note, opened, until, institution, basis, emergency)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

OPENED = "SELECT patient FROM access.opened_record WHERE account = %s AND until > now()"
"""The golden Patient ids of the records that are open to an account now; for use in statements."""

CLOSE = """
UPDATE access.opened_record SET until = now() WHERE account = %s AND patient = %s AND until > now()
"""


class Opening(NamedTuple):
    """Why a record is open, on which ground, and until when."""

    reason: str
    note: str
    until: datetime
    basis: str
    emergency: bool


class Opener(NamedTuple):
    """Who opens: an account of a member of staff, through a client, for an institution."""

    account: str
    client_id: str
    institution: int | None


def check_reason(reason: str, note: str, hours: int | None) -> None:
    """Problem 422 unless the reason is one, is described, and lasts no longer than it may."""
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
    if reason == EMERGENCY and not note.strip():
        raise problem(
            422,
            "required",
            "Describe the emergency in a note; the resident and a reviewer will read it",
            "请用文字说明紧急情况，居民本人与审核人员将看到",
            "Parameters.parameter.where(name='note')",
        )
    if len(note) > NOTE_LENGTH:
        raise problem(
            422,
            "too-long",
            f"The note has {len(note)} characters; at most {NOTE_LENGTH} are kept",
            f"说明共 {len(note)} 个字，最多 {NOTE_LENGTH} 个字",
            "Parameters.parameter.where(name='note')",
        )
    longest = MOST_HOURS if reason == EMERGENCY else 1
    if hours is not None and not 1 <= hours <= longest:
        raise problem(
            422,
            "value",
            f"hours is a whole number from 1 to {longest} for {reason}",
            f"{reason} 的 hours 须为 1 至 {longest} 的整数",
            "Parameters.parameter.where(name='hours')",
        )


async def open_record(
    connection: Connection,
    opener: Opener,
    *,
    patient: str,
    reason: str,
    note: str,
    basis: str | None,
    hours: int | None = None,
) -> Opening:
    """Let the account read the person's record for an hour, or `hours`.

    `basis`: the treatment relationship. Problem 403 without one, unless it is an emergency; 422 for
    what `check_reason` refuses.
    """
    check_reason(reason, note, hours)
    emergency = reason == EMERGENCY
    if basis is None and not emergency:
        raise problem(
            403,
            "forbidden",
            "Your institution has not treated this person lately. Ask the person for their code, "
            f"or open the record as an emergency ({EMERGENCY}), which is reviewed",
            f"您所在机构近期没有此人的诊疗关系。请向本人索取授权码；紧急情况可按“急诊抢救”（{EMERGENCY}）调阅，事后须经审核",
            "Parameters.parameter.where(name='reason')",
        )
    opened = now()
    until = opened + (timedelta(hours=hours) if hours else DURATION)
    opening = Opening(reason, note, until, basis or "emergency", emergency)
    await connection.execute(
        INSERT,
        (
            *(opener.account, opener.client_id, patient, reason, note, opened, until),
            *(opener.institution, opening.basis, emergency),
        ),
    )
    return opening


async def close_record(connection: Connection, account: str, patient: str) -> None:
    """End the account's openings of this person's record now."""
    await connection.execute(CLOSE, (account, patient))
