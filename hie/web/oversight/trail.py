"""The audit trail for auditors: by record, login, kind of act and dates, newest first.

https://hl7.org/fhir/R4/auditevent.html#search
"""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from starlette.responses import Response

from hie.errors import Text
from hie.web.record.access import Access, access
from hie.web.record.coded import Resource
from hie.web.record.moment import day_after, start_of_day
from hie.web.signed_in import Reader

MOST = 200
KINDS = {
    "R": Text("read", "查看"),
    "C": Text("create", "新增"),
    "U": Text("update", "修改"),
    "D": Text("delete", "删除"),
    "E": Text("search or operation", "检索与操作"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One event: who did what, to which entry of whose record."""

    access: Access
    number: str
    login: str
    patient: str
    entry: str
    query: str
    why: str
    """Where the auditor asks why this entry was shown; "" if it is none."""


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _references(event: Resource) -> list[str]:
    return [
        str(one["what"]["reference"])
        for one in event.get("entity", ())
        if "reference" in one.get("what", {})
    ]


def _line(event: Resource, home: str) -> Line:
    references = _references(event)
    patient = next((r[8:] for r in references if r.startswith("Patient/")), "")
    entry = next((r for r in references[1:] if "/" in r), "")
    login = next((str(a["altId"]) for a in event.get("agent", ()) if a.get("altId")), "")
    about = {"patient": patient, "resource": entry.partition("/_history/")[0], "account": login}
    return Line(
        access(event, ""),
        str(event["id"]),
        login,
        patient,
        entry,
        next((str(one["name"]) for one in event.get("entity", ()) if "name" in one), ""),
        f"{home}/explain?{urlencode(about)}" if patient and entry else "",
    )


async def page(reader: Reader) -> Response:
    """The form, and with a search its newest events."""
    query = reader.request.query_params
    asked = {name: query.get(name, "").strip()[:200] for name in ("patient", "account", "action")}
    asked["patient"] = asked["patient"].removeprefix("Patient/")
    asked["action"] = asked["action"] if asked["action"] in KINDS else ""
    asked |= {name: _day(query.get(name, "")) for name in ("from", "to")}
    given = {name: text for name, text in asked.items() if text}
    parameters = [("_sort", "-date"), ("_count", str(MOST))]
    names = {"patient": "patient", "account": "altid", "action": "action"}
    parameters += [(names[name], text) for name, text in given.items() if name in names]
    if asked["from"]:
        parameters.append(("date", f"ge{start_of_day(asked['from'])}"))
    if asked["to"]:
        parameters.append(("date", f"lt{start_of_day(day_after(asked['to']))}"))
    events, more = await reader.fhir.search("AuditEvent", parameters, at_most=MOST)
    content = {
        "tab": "trail",
        "asked": asked,
        "kinds": KINDS,
        "lines": [_line(event, reader.portal.home) for event in events],
        "more": more,
    }
    return reader.page("oversight/trail.html", content)
