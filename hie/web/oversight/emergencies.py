"""Emergency openings for their reviewer: which wait, what was done under one, and the verdict.

Operations: docs/access.md. The resident reads verdict and remark among the notices.
"""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from hie.access.emergency import VERDICTS
from hie.errors import Text
from hie.web.fhir_client import Refused
from hie.web.language import language_of
from hie.web.page import redirect
from hie.web.record.access import ACTIONS, LOOKED
from hie.web.record.coded import Resource
from hie.web.record.moment import Moment, parse
from hie.web.record.outcome import messages
from hie.web.record.parameters import named, value
from hie.web.signed_in import Reader

LONGEST_REMARK = 1000
CHOICES = {code: Text(*words) for code, words in VERDICTS.items()}


@dataclass(frozen=True, slots=True)
class Opening:
    """An emergency opening; `verdict` once it is closed."""

    number: int
    name: str
    institution: str
    note: str
    opened: Moment
    until: Moment
    seen: Moment
    reviewed: Moment
    verdict: Text | None
    remark: str


@dataclass(frozen=True, slots=True)
class Line:
    """What was done: an entry by its id, or a search and how many it found."""

    moment: Moment
    action: Text
    what: str
    count: int | None
    client: str
    address: str


def _opening(one: Resource) -> Opening:
    verdict = str(value(one, "verdict", ""))
    return Opening(
        value(one, "number", 0),
        str(value(one, "name", "")),
        str(value(one, "institution", "")),
        str(value(one, "note", "")),
        parse(value(one, "opened")),
        parse(value(one, "until")),
        parse(value(one, "seen")),
        parse(value(one, "reviewed")),
        CHOICES.get(verdict),
        str(value(one, "remark", "")),
    )


def _line(one: Resource) -> Line:
    entry = str(value(one, "entry", {}).get("reference", ""))
    what = entry or str(value(one, "query", "") or value(one, "type", ""))
    return Line(
        parse(value(one, "recorded")),
        ACTIONS.get(str(value(one, "interaction", "")), LOOKED),
        what,
        value(one, "count"),
        str(value(one, "client", "")),
        str(value(one, "address", "")),
    )


async def page(reader: Reader) -> Response:
    """Those that wait, the oldest first."""
    found = await reader.fhir.read("Patient", "$emergencies")
    content = {
        "waiting": [_opening(one) for one in named(found, "emergency")],
        "done": reader.request.query_params.get("done", "")[:12],
    }
    return reader.page("oversight/emergencies.html", content)


async def _one(reader: Reader, status: int = 200, **more: Any) -> Response:
    number = reader.request.path_params["number"]
    found = await reader.fhir.ask("Patient/$emergency-reads", [("number", str(number))])
    content = {
        "one": _opening(next(named(found, "emergency"))),
        "person": str(value(found, "person", "")),
        "lines": [_line(one) for one in named(found, "read")],
        "more": value(found, "more", False),
        "choices": CHOICES,
        "longest": LONGEST_REMARK,
        "problems": [],
        "stated": {"verdict": "", "remark": ""},
        **more,
    }
    return reader.page("oversight/emergency.html", content, status)


async def one(reader: Reader) -> Response:
    """What was done under an opening, and the form for the verdict."""
    return await _one(reader)


async def close(reader: Reader) -> Response:
    """Close the opening with a verdict; one that is not justified ends now."""
    number = reader.request.path_params["number"]
    form = await reader.form()
    stated = {"verdict": form.get("verdict", ""), "remark": form.get("remark", "")}
    stated["remark"] = stated["remark"][:LONGEST_REMARK]
    sent = [{"name": name, "valueString": text} for name, text in stated.items()]
    try:
        await reader.fhir.operation(
            "Patient/$review-emergency",
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "number", "valueInteger": number}, *sent],
            },
        )
    except Refused as refused:
        if refused.status not in (404, 422):
            raise
        said = messages(refused.outcome, language_of(reader.request))
        return await _one(reader, refused.status, problems=said, stated=stated)
    return redirect(f"{reader.portal.home}?done={number}")
