"""Opening records. Definitions: docs/access.md; purposes: http://terminology.hl7.org/ValueSet/v3-PurposeOfUse

POST [base]/Patient/[id]/$open-record        reason (code), note, code (the resident's), hours
POST [base]/Patient/[id]/$close-record
POST [base]/Patient/[id]/$confirm-sensitive  note
POST [base]/Patient/$visit-code              a resident's own: a code to say to the clinician
GET  [base]/Patient/$emergencies             a resident's own, or those that wait for the reviewer
GET  [base]/Patient/$emergency-reads         number: what was done under it, for the reviewer
POST [base]/Patient/$review-emergency        number, verdict, remark
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.emergency import Emergency
from hie.errors import problem
from hie.kit.clock import instant
from hie.records import openings
from hie.records.emergency_reads import Read, reads_of_emergency
from hie.records.openings import Stated
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.operations.parameters import read_parameters
from hie.rest.respond import answer


def _parameters(request: Request, *parameters: dict[str, Any]) -> Response:
    given = {"parameter": list(parameters)} if parameters else {}
    return answer(request, orjson.dumps({"resourceType": "Parameters", **given}))


async def open_patient_record(request: Request) -> Response:
    """Open the person's record to the calling clinician for a while."""
    caller = await authenticate(request)
    openings.require_clinician(caller)
    sent = await read_parameters(request, "reason", "note", "code", "hours")
    opening = await openings.open_record(
        exchange_of(request),
        caller,
        request.path_params["id"],
        Stated(sent.text("reason"), sent.text("note"), sent.text("code"), sent.number("hours")),
    )
    return _parameters(
        request,
        {"name": "reason", "valueCode": opening.reason},
        {"name": "basis", "valueCode": opening.basis},
        {"name": "until", "valueInstant": instant(opening.until)},
    )


async def close_patient_record(request: Request) -> Response:
    """End the calling clinician's openings of the record."""
    caller = await authenticate(request)
    await read_parameters(request)
    await openings.close_record(exchange_of(request), caller, request.path_params["id"])
    return _parameters(request)


async def confirm_sensitive(request: Request) -> Response:
    """Show the calling clinician the sensitive part of the record that is open."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "note")
    confirmed = await openings.confirm_sensitive(
        exchange_of(request), caller, request.path_params["id"], sent.text("note")
    )
    return _parameters(request, {"name": "until", "valueInstant": instant(confirmed.until)})


async def visit_code(request: Request) -> Response:
    """A code for the calling resident."""
    caller = await authenticate(request)
    await read_parameters(request)
    made = await openings.make_visit_code(exchange_of(request), caller)
    return _parameters(
        request,
        {"name": "code", "valueString": made.code},
        {"name": "until", "valueInstant": instant(made.until)},
    )


async def emergencies(request: Request) -> Response:
    """Emergency openings: of the calling resident's record, or all that wait for a review."""
    caller = await authenticate(request)
    exchange = exchange_of(request)
    found = (
        await openings.own_emergencies(exchange, caller)
        if caller.kind == "resident"
        else await openings.waiting_emergencies(exchange, caller)
    )
    return _parameters(request, *map(_emergency, found))


def _emergency(one: Emergency) -> dict[str, Any]:
    texts = {
        "name": one.name or one.account,
        "institution": one.institution,
        "note": one.note,
        "verdict": one.verdict,
        "remark": one.remark,
    }
    moments = {"opened": one.opened, "until": one.until, "seen": one.seen, "reviewed": one.reviewed}
    return {
        "name": "emergency",
        "part": [
            {"name": "number", "valueInteger": one.number},
            {"name": "patient", "valueReference": {"reference": f"Patient/{one.patient}"}},
            *({"name": name, "valueString": text} for name, text in texts.items() if text),
            *(
                {"name": name, "valueInstant": instant(moment)}
                for name, moment in moments.items()
                if moment
            ),
        ],
    }


async def emergency_reads(request: Request) -> Response:
    """The opening of this number, whose record it was, and what was done under it."""
    caller = await authenticate(request)
    openings.require_reviewer(caller)
    stated = request.query_params.get("number", "")
    number = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 10 else 0
    found = await reads_of_emergency(exchange_of(request), caller, number)
    return _parameters(
        request,
        _emergency(found.emergency),
        {"name": "person", "valueString": found.person or found.emergency.patient},
        *map(_read, found.reads),
        {"name": "more", "valueBoolean": found.more},
    )


def _read(one: Read) -> dict[str, Any]:
    entry = f"{one.entity_type}/{one.entity_id}" if one.entity_type and one.entity_id else ""
    texts = {
        "interaction": one.interaction,
        "type": "" if entry else one.entity_type,
        "query": one.query,
        "client": one.client_id,
        "address": one.address,
    }
    counted = [] if one.entity_count is None else [one.entity_count]
    return {
        "name": "read",
        "part": [
            {"name": "recorded", "valueInstant": instant(one.recorded)},
            *(
                {"name": "entry", "valueReference": {"reference": entry}}
                for _ in range(bool(entry))
            ),
            *({"name": "count", "valueInteger": count} for count in counted),
            *({"name": name, "valueString": text} for name, text in texts.items() if text),
        ],
    }


async def review_emergency(request: Request) -> Response:
    """Close an emergency opening with a verdict."""
    caller = await authenticate(request)
    openings.require_reviewer(caller)
    sent = await read_parameters(request, "number", "verdict", "remark")
    number = sent.number("number")
    if number is None:
        raise problem(
            400,
            "required",
            "State the number of the emergency opening",
            "请给出紧急调阅的编号",
            "Parameters.parameter.where(name='number')",
        )
    await openings.review_emergency(
        exchange_of(request),
        caller,
        number=number,
        verdict=sent.text("verdict"),
        remark=sent.text("remark"),
    )
    return _parameters(request)
