"""Who looked at my record: name, institution, time and reason, newest first."""

from starlette.responses import Response

from hie.web import overview
from hie.web.record.access import accesses
from hie.web.signed_in import Reader

MOST_EVENTS = 400


async def page(reader: Reader) -> Response:
    """The newest accesses by others; with `?own=1` the resident's own as well, with `?by=` a proxy's only."""
    query = reader.request.query_params
    own, by = query.get("own") == "1", query.get("by", "")
    subject = await overview.subject(reader.fhir, reader.patient)
    parameters = [("_sort", "-date"), ("_count", "200")]
    parameters += [("agent", f"Patient/{by}")] if by else []
    events, more = await reader.fhir.search("AuditEvent", parameters, at_most=MOST_EVENTS)
    shown = accesses(events, reader.patient, own=own)
    content = {
        "tab": "log",
        "subject": subject,
        "accesses": shown,
        "own": own,
        "by": (shown[0].name if shown else "—") if by else "",
        "more": more,
    }
    return reader.page("resident/log.html", content)
