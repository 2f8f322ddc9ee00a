"""Answers as bytes, with the headers that the specification asks for. https://hl7.org/fhir/R4/http.html"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hie.access.caller import Caller
from hie.auth.presented import CHALLENGE
from hie.errors import Issue, Problem, Text
from hie.fhir.outcome import operation_outcome
from hie.kit.clock import http_date
from hie.records.entry import Outcome
from hie.records.fetch import Deleted, Fetched
from hie.rest.conditions import unchanged
from hie.rest.negotiate import FHIR_JSON, FHIR_XML, Return, language
from hie.rest.subset import subset_of

CONTENT_TYPE = f"{FHIR_JSON}; charset=utf-8"
# Health data never stays in a cache that others share. https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.5
PRIVATE = {"cache-control": "no-store"}
MODIFIED = "hie.modified"
"""Where a request's scope says when what was read was changed: headers have whole seconds only."""
HEADERS_OF = {
    401: {"www-authenticate": CHALLENGE},
    429: {"retry-after": "60"},
}
"""What a status promises beside its OperationOutcome."""


_EVERY_ANSWER = tuple(
    (name.encode(), value.encode())
    for name, value in {**PRIVATE, "content-type": CONTENT_TYPE}.items()
)


class _Answer(Response):
    """A response whose headers are bytes already: most of them are always the same."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = headers

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - every ASGI application is called with it
        receive: Receive,  # noqa: ARG002
        send: Send,
    ) -> None:
        """Send it: https://asgi.readthedocs.io/en/latest/specs/www.html#response-start-send-event"""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": self.body})


def answer(
    request: Request, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A FHIR JSON answer; to HEAD the same headers without the body."""
    raw = [*_EVERY_ANSWER, (b"content-length", b"%d" % len(body))]
    if headers:
        raw += [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
    return _Answer(b"" if request.scope["method"] == "HEAD" else body, status, raw)


def pretty(response: Response) -> Response:
    """The same answer with line breaks and indentation. https://hl7.org/fhir/R4/http.html#pretty"""
    if response.body and response.headers.get("content-type") == CONTENT_TYPE:
        response.body = msgspec.json.format(bytes(response.body), indent=2)
        response.headers["content-length"] = str(len(response.body))
    return response


def named(response: Response, kind: str) -> Response:
    """The same answer under a general media type, if it is FHIR's JSON or XML."""
    declared, _, parameters = response.headers.get("content-type", "").partition(";")
    if declared in (FHIR_JSON, FHIR_XML):
        response.headers["content-type"] = f"{kind};{parameters}"
    return response


def version_headers(version: int, last_updated: datetime) -> dict[str, str]:
    """ETag and Last-Modified of a version. https://hl7.org/fhir/R4/http.html#concurrency"""
    return {"etag": f'W/"{version}"', "last-modified": http_date(last_updated)}


def versioned(request: Request, fetched: Fetched) -> Response:
    """One version, or the part of it asked for; no body if the caller says that it has this one."""
    headers = version_headers(fetched.version, fetched.last_updated)
    request.scope[MODIFIED] = fetched.last_updated
    if unchanged(request.headers, fetched.version, fetched.last_updated):
        return Response(status_code=304, headers={**PRIVATE, **headers})
    body = fetched.body
    if request.scope["query_string"]:
        body = subset_of(request.query_params.multi_items(), fetched.type).of(fetched.type, body)
    return answer(request, body, headers=headers)


def failure(request: Request, found: Problem) -> Response:
    """The OperationOutcome of a problem, in the caller's language."""
    outcome = operation_outcome(found.issues, language(request))
    headers = HEADERS_OF.get(found.status, {})
    if isinstance(found, Deleted):
        headers = version_headers(found.version, found.last_updated)
    return answer(request, orjson.dumps(outcome), status=found.status, headers=headers)


def changed(request: Request, base: str, outcome: Outcome, wanted: Return) -> Response:
    """The answer to a create or update. https://hl7.org/fhir/R4/http.html#ops"""
    headers = version_headers(outcome.version, outcome.last_updated)
    headers["location"] = f"{base}/{outcome.type}/{outcome.id}/_history/{outcome.version}"
    if wanted == "minimal" or outcome.body is None:
        return Response(status_code=outcome.status, headers={**PRIVATE, **headers})
    body = outcome.body
    if wanted == "OperationOutcome":
        body = orjson.dumps(operation_outcome([done(outcome)], language(request)))
    elif request.scope["query_string"]:
        body = subset_of(request.query_params.multi_items(), outcome.type).of(outcome.type, body)
    return answer(request, body, status=outcome.status, headers=headers)


def may_see_result(caller: Caller, method: str, type_name: str, wanted: Return) -> Return:
    """What comes back of a change: who sends a patch has not shown that he may read the rest."""
    if method == "PATCH" and wanted == "representation" and not caller.permits("r", type_name):
        return "minimal"
    return wanted


def done(outcome: Outcome) -> Issue:
    """What became of a change, in words."""
    if outcome.status == 204:
        text = (
            Text("Deleted {what}", "已删除 {what}")
            if outcome.changed
            else Text("There was nothing to delete", "没有需要删除的资源")
        ).format(what=f"{outcome.type}/{outcome.id}" if outcome.id else outcome.type)
    else:
        text = (
            Text("Stored as version {version}", "已保存为版本 {version}")
            if outcome.changed
            else Text("Nothing changed; version {version} stays", "内容未变化，仍为版本 {version}")
        ).format(version=outcome.version)
    return Issue("informational", text, severity="information")
