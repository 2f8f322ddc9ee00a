"""Who looked at my record: name, institution, time and reason, newest first."""

from starlette.responses import Response

from hie.web import overview
from hie.web.record.access import accesses
from hie.web.signed_in import Reader

MOST_EVENTS = 400


async def page(reader: Reader) -> Response:
    """The newest accesses by others; with `?own=1` the resident's own as well."""
    own = reader.request.query_params.get("own") == "1"
    subject = await overview.subject(reader.fhir, reader.patient)
    parameters = [("_sort", "-date"), ("_count", "200")]
    events, more = await reader.fhir.search("AuditEvent", parameters, at_most=MOST_EVENTS)
    content = {
        "tab": "log",
        "subject": subject,
        "accesses": accesses(events, reader.patient, own=own),
        "own": own,
        "more": more,
    }
    return reader.page("resident/log.html", content)
