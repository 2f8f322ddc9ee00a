"""Nothing of a record is shown before the clinician has opened it with a reason.

The exchange itself enforces it; this page asks, tells what was stated, and asks again at the end.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from hie.access.opened_record import NOTE_LENGTH, REASONS
from hie.errors import Text
from hie.kit.clock import now
from hie.web import overview
from hie.web.fhir_client import Refused
from hie.web.language import language_of
from hie.web.page import redirect
from hie.web.record.moment import CHINA
from hie.web.record.outcome import messages
from hie.web.signed_in import Page, Reader


@dataclass(frozen=True, slots=True)
class Opening:
    """Why the record of a patient is open to this session, and until when."""

    patient: str
    reason: Text
    note: str
    until: datetime

    @property
    def local_time(self) -> str:
        """The end, as clocks in the district show it."""
        return self.until.astimezone(CHINA).strftime("%H:%M")


OpenedPage = Callable[[Reader, Opening], Awaitable[Response]]


def reasons() -> dict[str, Text]:
    """The reasons that the exchange accepts, by their code."""
    return {
        code: Text(english.capitalize(), chinese) for code, (english, chinese) in REASONS.items()
    }


def opening_of(reader: Reader, patient: str) -> Opening | None:
    """The session's opening of this record, if it is not over."""
    kept = reader.session.content["openings"].get(patient)
    if kept is None:
        return None
    until = datetime.fromisoformat(kept["until"])
    return (
        Opening(patient, reasons()[kept["reason"]], kept["note"], until) if until > now() else None
    )


def _patient(reader: Reader) -> str:
    return str(reader.request.path_params["id"])


async def _ask(
    reader: Reader, *, missing: bool = False, refused: Sequence[str] = (), status: int = 200
) -> Response:
    patient = _patient(reader)
    content = {
        "person": await overview.person_of(reader.fhir, patient),
        "patient": patient,
        "reasons": reasons(),
        "note_length": NOTE_LENGTH,
        "again": patient in reader.session.content["openings"],
        "missing": missing,
        "refused": refused,
    }
    return reader.page("clinician/reason.html", content, status)


def opened(page: OpenedPage) -> Page:
    """`page` for a record that is open; for any other the question why."""

    async def guarded(reader: Reader) -> Response:
        opening = opening_of(reader, _patient(reader))
        if opening is None:
            return await _ask(reader)
        try:
            return await page(reader, opening)
        except Refused as refused:
            if refused.status != 403:
                raise
            return await _ask(reader)

    return guarded


async def open_record(reader: Reader) -> Response:
    """Take the reason to the exchange and, if it accepts, show the record."""
    patient = _patient(reader)
    form = await reader.form()
    reason, note = form.get("reason", ""), form.get("note", "").strip()
    code = form.get("code", "").strip()
    if reason not in REASONS or not note:
        return await _ask(reader, missing=True, status=422)
    stated = [{"name": "reason", "valueCode": reason}, {"name": "note", "valueString": note}]
    if code:
        stated.append({"name": "code", "valueString": code})
    try:
        answer = await reader.fhir.operation(
            f"Patient/{patient}/$open-record",
            {"resourceType": "Parameters", "parameter": stated},
        )
    except Refused as refused:
        if refused.status not in (403, 422):
            raise
        told = messages(refused.outcome, language_of(reader.request))
        return await _ask(reader, refused=told, status=refused.status)
    until = next(p["valueInstant"] for p in answer["parameter"] if p["name"] == "until")
    kept = {"reason": reason, "note": note, "until": until}
    reader.session.content["openings"][patient] = kept
    await reader.keep_session()
    return redirect(f"{reader.portal.home}/patient/{patient}")


async def confirm_sensitive(reader: Reader) -> Response:
    """Take the second reason to the exchange and show the record with its sensitive entries."""
    patient = _patient(reader)
    note = (await reader.form()).get("note", "").strip()
    if note:
        await reader.fhir.operation(
            f"Patient/{patient}/$confirm-sensitive",
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "note", "valueString": note}],
            },
        )
    return redirect(f"{reader.portal.home}/patient/{patient}")


async def close_record(reader: Reader) -> Response:
    """End the opening; reading on needs a reason again."""
    await reader.fhir.operation(
        f"Patient/{_patient(reader)}/$close-record", {"resourceType": "Parameters"}
    )
    reader.session.content["openings"].pop(_patient(reader), None)
    await reader.keep_session()
    return redirect(reader.portal.home)
