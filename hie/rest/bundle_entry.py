"""The entries of a posted Bundle, and of the Bundle that answers it. https://hl7.org/fhir/R4/bundle.html

The resources' texts are cut out of the Bundle's text as they stand: nothing is written anew.
"""

from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import orjson
from starlette.requests import Request

from hie.errors import Issue, Problem, Text, problem
from hie.fhir.json_text import why_not_read
from hie.fhir.outcome import operation_outcome
from hie.kit.clock import http_date, instant
from hie.records.entry import Entry, Method, Outcome
from hie.rest.criteria import bare
from hie.rest.negotiate import FHIR_JSON, Return, language
from hie.rest.respond import done

STATUS_TEXT = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}
MOST_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What one entry asks for: a change, or else (`entry` is None) a request to `url`.

    That is a read, or with POST an operation. `headers` and `body` are those that it would have
    over HTTP.
    """

    url: str
    entry: Entry | None
    expression: str
    method: str = "GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


CHANGES: dict[str, Method] = {"POST": "POST", "PUT": "PUT", "PATCH": "PATCH", "DELETE": "DELETE"}


class _Element(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What every element may have. A misspelt name is refused: left aside, it would change the meaning."""

    id: msgspec.Raw = msgspec.Raw()
    extension: msgspec.Raw = msgspec.Raw()
    modifier_extension: msgspec.Raw = msgspec.Raw()


class _Request(_Element):
    method: str
    url: str
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None


class _Entry(_Element):
    """An entry whose resource is left as text: it is read once, when it is checked."""

    request: _Request | None = None
    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    search: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class _Bundle(_Element):
    resource_type: str = ""
    type: str = ""
    entry: list[_Entry] = []
    meta: msgspec.Raw = msgspec.Raw()
    implicit_rules: msgspec.Raw = msgspec.Raw()
    language: msgspec.Raw = msgspec.Raw()
    identifier: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    signature: msgspec.Raw = msgspec.Raw()


class _Kind(msgspec.Struct):
    resource_type: str = msgspec.field(default="", name="resourceType")


_decoder = msgspec.json.Decoder(_Bundle)
_kind = msgspec.json.Decoder(_Kind)


def _refuse(code: str, en: str, zh: str, expression: str) -> Problem:
    return problem(400, code, en, zh, expression)


def read_bundle(text: bytes, base: str) -> tuple[str, list[Asked | Issue]]:
    """The Bundle's type (transaction or batch) and its entries; Problem 400 with every issue.

    In a batch, an entry that cannot be understood is its issue, and does not hinder the others.

    `base`: this server's own, which the addresses of entries may begin with.
    """
    try:
        parsed = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        _require_bundle(text)
        (en, zh), place = why_not_read(text, error, "Bundle")
        raise _refuse("structure", en, zh, place) from error
    if parsed.resource_type != "Bundle":
        raise _no_bundle()
    kind = parsed.type
    if kind not in ("transaction", "batch"):
        raise _refuse(
            "invalid",
            f"A Bundle of type {kind!r} cannot be carried out; send a transaction or a batch",
            f"无法执行类型为 {kind!r} 的 Bundle，请发送 transaction 或 batch",
            "Bundle.type",
        )
    if len(parsed.entry) > MOST_ENTRIES:
        raise problem(
            413,
            "too-long",
            f"The Bundle has {len(parsed.entry)} entries; send at most {MOST_ENTRIES} at once",
            f"Bundle 有 {len(parsed.entry)} 个条目，一次最多提交 {MOST_ENTRIES} 个",
            "Bundle.entry",
        )
    asked = [
        _asked(entry, f"Bundle.entry[{number}]", base) for number, entry in enumerate(parsed.entry)
    ]
    issues = _repeated(parsed.entry)
    if kind == "transaction":
        issues += [one for one in asked if isinstance(one, Issue)]
    if issues:
        raise Problem(400, issues)
    return kind, asked


def _require_bundle(text: bytes) -> None:
    """Problem 400 if the text says of itself that it is another resource."""
    with suppress(msgspec.DecodeError, RecursionError):
        if _kind.decode(text).resource_type != "Bundle":
            raise _no_bundle()


def _no_bundle() -> Problem:
    return _refuse(
        "invalid",
        "Post a Bundle here; a single resource goes to its type's address",
        "此地址只接收 Bundle；单个资源请提交到其类型的地址",
        "Bundle.resourceType",
    )


def _repeated(entries: Sequence[_Entry]) -> list[Issue]:
    """Full URLs that two entries have: a reference to one could mean either.

    Rule bdl-7 of https://hl7.org/fhir/R4/bundle.html; versions of one resource, which it allows,
    cannot be changed by one Bundle.
    """
    seen: set[str] = set()
    issues: list[Issue] = []
    for number, entry in enumerate(entries):
        if entry.full_url and entry.full_url in seen:
            url = entry.full_url[:200]
            text = Text(
                f"An earlier entry has the fullUrl '{url}' too", f"前面已有条目使用 fullUrl“{url}”"
            )
            issues.append(Issue("invariant", text, f"Bundle.entry[{number}].fullUrl"))
        seen.add(entry.full_url or "")
    return issues


def _asked(entry: _Entry, place: str, base: str) -> Asked | Issue:
    request = entry.request
    if request is None:
        return Issue(
            "required",
            Text(
                "The entry needs request.method and request.url",
                "条目须包含 request.method 和 request.url",
            ),
            f"{place}.request",
        )
    text = bytes(entry.resource) or None
    method, url = request.method, request.url.removeprefix(base).lstrip("/")
    if method in ("GET", "HEAD"):
        return Asked(url, None, place, method, _conditions(request))
    path, question, query = url.partition("?")
    if method == "POST" and path.rpartition("/")[2].startswith(("$", "_search")):
        content_type = FHIR_JSON if text else "application/x-www-form-urlencoded"
        headers = ((b"content-type", content_type.encode()),)
        return Asked(url, None, place, method, headers, text or b"")
    type_name, _, logical_id = path.partition("/")
    about = bool(logical_id) != bool(question)  # an id or criteria, and never both
    formed = {
        "POST": not logical_id and not question and text is not None,
        "PUT": about and text is not None,
        "PATCH": about and text is not None,
        "DELETE": about and text is None,
    }
    if "/" in logical_id or not formed.get(method, False):
        return Issue(
            "not-supported",
            Text(
                f"'{method} {url[:80]}' cannot be carried out here: POST Type, PUT or PATCH Type/id or Type?criteria "
                "(each with a resource), DELETE Type/id or Type?criteria, GET, or POST of an operation",
                f"无法执行“{method} {url[:80]}”：支持 POST 类型、PUT 或 PATCH 类型/id 或 类型?条件（均须附资源）、"
                "DELETE 类型/id 或 类型?条件、GET，或以 POST 调用操作",
            ),
            f"{place}.request",
        )
    media_type = None
    if method == "PATCH":
        patch = _patch(text or b"", place)
        if isinstance(patch, Issue):
            return patch
        media_type, text = patch
    change = Entry(
        CHANGES[method],
        type_name,
        id=logical_id or None,
        body=text,
        full_url=entry.full_url,
        if_none_exist=bare(request.if_none_exist, type_name) if method == "POST" else None,
        if_match=request.if_match,
        if_none_match=request.if_none_match,
        expression=place,
        query=query if question else None,
        media_type=media_type,
    )
    return Asked(url, change, place)


def _conditions(request: _Request) -> tuple[tuple[bytes, bytes], ...]:
    """The conditions of a read as headers; HTTP dates are not used inside Bundles."""
    headers = []
    if request.if_none_match is not None:
        headers.append((b"if-none-match", request.if_none_match.encode("latin-1", "replace")))
    if request.if_modified_since is not None:
        try:
            moment = datetime.fromisoformat(request.if_modified_since)
        except ValueError:
            return tuple(headers)  # as over HTTP, where a date that cannot be read is no condition
        if moment.tzinfo is not None:
            headers.append((b"if-modified-since", http_date(moment).encode()))
    return tuple(headers)


def _patch(text: bytes, place: str) -> tuple[str, bytes] | Issue:
    """Media type and text of a patch: Parameters as they are, anything else inside a Binary.

    https://hl7.org/fhir/R4/http.html#patch
    """
    with suppress(ValueError):
        match orjson.loads(text):
            case {"resourceType": "Parameters"}:
                return FHIR_JSON, text
            case {"resourceType": "Binary", "contentType": str(media_type), "data": str(data)}:
                return media_type, b64decode(data, validate=True)
    return Issue(
        "invalid",
        Text(
            "A patch is a Parameters resource, or a Binary with contentType and data",
            "PATCH 条目须为 Parameters 资源，或带有 contentType 和 data 的 Binary",
        ),
        f"{place}.resource",
    )


def answered(base: str, outcome: Outcome, wanted: Return, language: str) -> bytes:
    """The response entry of a change, with what the caller prefers to get back."""
    url = f"{base}/{outcome.type}/{outcome.id}"
    response: dict[str, Any] = {"status": STATUS_TEXT[outcome.status]}
    if outcome.version:
        response["etag"] = f'W/"{outcome.version}"'
        response["lastModified"] = instant(outcome.last_updated)
    if outcome.status != 204:
        response["location"] = f"{url}/_history/{outcome.version}"
    if wanted == "OperationOutcome":
        response["outcome"] = operation_outcome([done(outcome)], language)
    text = b'"response":' + orjson.dumps(response)
    if wanted == "representation" and outcome.body is not None:
        return b'{"fullUrl":%s,"resource":%s,%s}' % (orjson.dumps(url), outcome.body, text)
    return b"{%s}" % text


def refused(request: Request, found: Problem) -> bytes:
    """The response entry of a batch entry that could not be carried out."""
    outcome = operation_outcome(found.issues, language(request))
    return orjson.dumps({"response": {"status": str(found.status), "outcome": outcome}})
