"""What every answer of the FHIR interface keeps to, whatever was asked. https://hl7.org/fhir/R4/http.html"""

import asyncio
import gzip
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

import orjson
from random_operations import Known
from random_requests import Drawn

from hie.app import Application
from hie.fhir.validation import validate

Json = Any
LONGEST = 10.0
"""Seconds for one answer, on a machine that does much else."""
BASE = "http://127.0.0.1:8080/fhir"
MOST_KNOWN = 50
MOST_ENTRIES = 5
"""Of a Bundle that is validated: that takes its time."""
ANSWERED = ("Bundle", "Parameters", "OperationOutcome")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes


async def answer_to(app: Application, drawn: Drawn, path: str, token: str | None) -> Answer:
    """What the application answers; `path` is decoded, as servers hand it over."""
    sent = list(drawn.headers)
    if token is not None:
        sent.append((b"authorization", f"Bearer {token}".encode()))
    if drawn.body and b"content-length" not in dict(sent):
        sent.append((b"content-length", str(len(drawn.body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": drawn.method,
        "scheme": "http",
        "path": path,
        "raw_path": f"/fhir{drawn.path}".encode(),
        "query_string": drawn.query,
        "root_path": "",
        "headers": sent,
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 40_000),
        "state": {},
    }
    left = [drawn.body]
    if drawn.breaks_off:
        left = [drawn.body[: len(drawn.body) // 2]]
    parts: list[bytes] = []
    status, headers = 0, {}

    async def receive() -> Json:
        if left:
            return {
                "type": "http.request",
                "body": left.pop(),
                "more_body": drawn.breaks_off,
            }
        if drawn.breaks_off:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()  # until the answer has been sent
        return {"type": "http.disconnect"}

    async def send(message: Json) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, headers, b"".join(parts))


def wrong(drawn: Drawn, answer: Answer, seconds: float) -> str | None:
    """What is wrong with the answer, if anything."""
    if seconds > LONGEST:
        return "too slow"
    if answer.status >= 500 or answer.status < 200:
        return f"status {answer.status}"
    if answer.status in (204, 304):
        return "a body" if answer.body else None
    encoding = answer.headers.get("content-encoding")
    if drawn.method == "HEAD" or encoding not in (None, "gzip"):  # servers send no body to a HEAD
        return None
    text = answer.body if encoding is None else gzip.decompress(answer.body)
    return _wrong_body(drawn, replace(answer, body=text))


def _wrong_body(drawn: Drawn, answer: Answer) -> str | None:
    kind = answer.headers.get("content-type", "")
    if "xml" in kind:
        return _wrong_xml(answer)
    if "json" not in kind:
        return _other(drawn, answer, kind)
    if "ndjson" in kind:
        return None
    try:
        body = orjson.loads(answer.body)
    except ValueError:
        return "JSON that cannot be read"
    if answer.status >= 400:
        return _wrong_refusal(body)
    return _wrong_version(answer, body) or _invalid(drawn, body)


def _invalid(drawn: Drawn, body: Json) -> str | None:
    """Why an answer is not what R4 calls valid; parts of resources need not be."""
    part = b"_summary" in drawn.query or b"_elements" in drawn.query or b"_" in drawn.body[:200]
    if (
        part
        or body.get("resourceType") not in ANSWERED
        or len(body.get("entry", ())) > MOST_ENTRIES
    ):
        return None
    issues = [one for one in validate(body) if one.severity in ("error", "fatal")]
    return f"{issues[0].expression}: {issues[0].text.en}" if issues else None


def _other(drawn: Drawn, answer: Answer, kind: str) -> str | None:
    if answer.status >= 400:
        return f"a refusal in {kind or 'no type'}"
    told = not answer.body or "Binary" in drawn.path
    return None if told else f"an answer in {kind or 'no type'}"


def _wrong_xml(answer: Answer) -> str | None:
    try:
        root = ElementTree.fromstring(answer.body)
    except ElementTree.ParseError:
        return "XML that cannot be read"
    if answer.status < 400:
        return None
    name = root.tag.rpartition("}")[2]
    return None if name in ("OperationOutcome", "html") else f"a refusal that is a {name}"


def _wrong_refusal(body: Json) -> str | None:
    if isinstance(body, dict) and isinstance(body.get("errors"), list):  # of GraphQL
        whole = all(isinstance(one.get("message"), str) for one in body["errors"])
        outcomes = [one["extensions"]["resource"] for one in body["errors"]]
        return next(filter(None, map(_wrong_outcome, outcomes)), None) if whole else "no message"
    return _wrong_outcome(body)


def _wrong_outcome(body: Json) -> str | None:
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
        return "a refusal without OperationOutcome"
    issues = body.get("issue")
    if not issues:
        return "an OperationOutcome without issue"
    if found := validate(body):
        return f"{found[0].expression}: {found[0].text.en}"
    for issue in issues:
        if not issue.get("code") or not issue.get("severity"):
            return "an issue without code or severity"
        text = issue.get("details", {}).get("text")
        if not isinstance(text, str) or not text.strip():
            return "an issue without text"
    return None


def _wrong_version(answer: Answer, body: Json) -> str | None:
    """Whether ETag, Location and the resource in the body are about the same version."""
    if not isinstance(body, dict):
        return "an answer that is no object"
    meta = body.get("meta") if body.get("resourceType") != "Parameters" else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    tag = answer.headers.get("etag")
    place, history, number = answer.headers.get("location", "").partition("/_history/")
    if history and tag != f'W/"{number}"':
        return "ETag and Location differ"
    *_, type_name, logical_id = ("", *place.split("/")) if place else ("", "")
    if body.get("resourceType") == type_name and body.get("id") != logical_id:
        return "Location and id differ"
    if tag is not None and version is not None and tag != f'W/"{version}"':
        return "ETag and versionId differ"
    return _wrong_entries(body)


def _wrong_entries(body: Json) -> str | None:
    """Whether each entry of a batch's answer says what became of it."""
    if body.get("type") not in ("batch-response", "transaction-response"):
        return None
    for entry in body.get("entry", ()):
        response = entry.get("response", {})
        status = str(response.get("status", ""))
        if not status[:3].isdigit() or status.startswith("5"):
            return f"an entry with status {status[:3]}"
        if status.startswith("4"):
            found = _wrong_outcome(response.get("outcome"))
            if found:
                return f"in an entry: {found}"
    return None


def learn(known: Known, drawn: Drawn, answer: Answer) -> None:
    """Keep what later requests can be about."""
    place = answer.headers.get("content-location", "")
    if "/$export-files/" in place:
        known.exports = [*known.exports, place.removeprefix(BASE)][-MOST_KNOWN:]
    if answer.status == 201 and drawn.path.startswith("/app-state"):
        made = answer.headers["location"].rpartition("/")[2]
        known.states = [*known.states, made][-MOST_KNOWN:]
    if answer.status != 200 or not answer.body.startswith(b"{"):
        return
    if b'"relation":"next"' in answer.body:
        for link in orjson.loads(answer.body).get("link", ()):
            if link["relation"] == "next":
                known.pages = [*known.pages, link["url"].removeprefix(BASE)][-MOST_KNOWN:]
    if b'"number","value' in answer.body or b'"code","value' in answer.body:
        for one in orjson.loads(answer.body).get("parameter", ()):
            for part in (one, *one.get("part", ())):
                _learn_part(known, drawn, part)


def _learn_part(known: Known, drawn: Drawn, part: Json) -> None:
    value = next((value for key, value in part.items() if key.startswith("value")), None)
    if part["name"] == "number":
        known.numbers = [*known.numbers, value][-MOST_KNOWN:]
    elif part["name"] == "code" and "proxy" in drawn.path:
        known.invitations = [*known.invitations, value][-MOST_KNOWN:]
    elif part["name"] == "code":
        known.visits = [*known.visits, value][-MOST_KNOWN:]


def follow_up(drawn: Drawn, answer: Answer) -> Drawn | None:
    """The request that reads what was written, if it was written by who may read all of his own."""
    place = answer.headers.get("location", "").removeprefix(BASE)
    others = (b"_summary", b"_elements", b"_pretty", b"_format")
    written = (
        not any(name in drawn.query for name in others)
        and answer.status in (200, 201)
        and "etag" in answer.headers
        and "/_history/" in place
    )
    if not written or drawn.caller != "A" or drawn.method not in ("PUT", "POST", "PATCH"):
        return None
    return Drawn("A", "GET", place, b"", (), b"", "read of what was written")


def wrong_again(written: Answer, read: Answer) -> str | None:
    """Whether what is read is what the answer to its writing told."""
    if (read.status, read.headers.get("etag")) != (200, written.headers["etag"]):
        return f"what was written is read with {read.status}"
    told = written.body.startswith(b"{") and b'"OperationOutcome"' not in written.body[:40]
    return "what was written is read otherwise" if told and read.body != written.body else None
