"""Who may see what: restrictions, a code for a visit, notices of emergency access."""

from asyncio import gather
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from hie.access.emergency import VERDICTS
from hie.errors import Text
from hie.web import overview
from hie.web.fhir_client import Refused
from hie.web.page import redirect
from hie.web.record.coded import Resource
from hie.web.record.entry import entries
from hie.web.record.moment import Moment, parse
from hie.web.record.restriction import (
    REPRESENTATIVES,
    WHAT,
    WHO_ACT,
    Incomplete,
    consent,
    shown,
)
from hie.web.signed_in import Reader

HOME = "/resident/sharing"
MOST_VISITS = 40
EMPTY: Resource = {"resourceType": "Parameters"}


@dataclass(frozen=True, slots=True)
class Notice:
    """An emergency opening of the record; `verdict` once a reviewer has closed it."""

    opened: Moment
    until: Moment
    name: str
    institution: str
    note: str
    new: bool
    verdict: Text | None
    remark: str


def _notice(part: list[Resource]) -> Notice:
    values = {
        one["name"]: next((v for key, v in one.items() if key.startswith("value")), "")
        for one in part
    }
    return Notice(
        parse(values.get("opened")),
        parse(values.get("until")),
        str(values.get("name", "")),
        str(values.get("institution", "")),
        str(values.get("note", "")),
        "seen" not in values,
        Text(*VERDICTS[values["verdict"]]) if values.get("verdict") in VERDICTS else None,
        str(values.get("remark", "")),
    )


async def _visits(reader: Reader) -> dict[str, str]:
    parameters = [("patient", reader.patient), ("_sort", "-date"), ("_count", str(MOST_VISITS))]
    found, _ = await reader.fhir.search("Encounter", parameters, at_most=MOST_VISITS)
    lines = zip(found, (entries([resource]) for resource in found), strict=True)
    return {
        str(resource["id"]): f"{line[0].moment.day} {line[0].institution.name}".strip()
        for resource, line in lines
        if line
    }


async def _page(reader: Reader, status: int = 200, **more: Any) -> Response:
    active = [("status", "active"), ("_sort", "-date"), ("_count", "100")]
    subject, visits, (given, _), notices = await gather(
        overview.subject(reader.fhir, reader.patient),
        _visits(reader),
        reader.fhir.search("Consent", active, at_most=100),
        reader.fhir.read("Patient", "$emergencies"),
    )
    content = {
        "tab": "sharing",
        "subject": subject,
        "visits": visits,
        "what": {name: words for name, (_, words) in WHAT.items()},
        "restrictions": [shown(resource) for resource in given],
        "notices": [_notice(one["part"]) for one in notices.get("parameter", ())],
        "representatives": REPRESENTATIVES,
        "who_act": WHO_ACT,
        "code": None,
        "incomplete": False,
        **more,
    }
    return reader.page("resident/sharing.html", content, status)


async def page(reader: Reader) -> Response:
    """Restrictions in force, the form for another one, notices."""
    return await _page(reader)


async def restrict(reader: Reader) -> Response:
    """Give the Consent that the form asks for."""
    form = dict((await reader.form()).items())
    subject, visits = await gather(overview.subject(reader.fhir, reader.patient), _visits(reader))
    try:
        resource = consent(reader.patient, form, subject.institutions, visits)
    except Incomplete:
        return await _page(reader, 422, incomplete=True)
    await reader.fhir.create(resource)
    return redirect(HOME)


async def lift(reader: Reader) -> Response:
    """End a restriction: its Consent stays on file, inactive."""
    logical_id = (await reader.form()).get("id", "")
    try:
        resource = await reader.fhir.read("Consent", logical_id)
    except Refused as refused:
        if refused.status != 404:
            raise
        return redirect(HOME)
    await reader.fhir.update({**resource, "status": "inactive"})
    return redirect(HOME)


async def visit_code(reader: Reader) -> Response:
    """Show a new code to say to the clinician."""
    answer = await reader.fhir.operation("Patient/$visit-code", EMPTY)
    code = next(p["valueString"] for p in answer["parameter"] if p["name"] == "code")
    return await _page(reader, code=code)
