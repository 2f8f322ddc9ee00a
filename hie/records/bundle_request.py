"""What the entries of a Bundle ask for. https://hl7.org/fhir/R4/http.html#transaction

The resources' texts are cut out of the Bundle's text as they stand: nothing is written anew.
"""

from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec
import orjson
from msgspec.structs import replace

from hie.errors import Issue, Problem, Text, problem
from hie.fhir.encoding import not_utf_8
from hie.fhir.json_text import REFUSALS, why_not_read
from hie.fhir.patch import FHIRPATH_PATCH
from hie.kit.clock import http_date
from hie.records.entry import Entry, Method
from hie.records.match import bare


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


# Deletes, then creates, then updates and patches; reads come at the end.
# https://hl7.org/fhir/R4/http.html#trules
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}
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


class PostedEntry(_Element):
    """An entry whose resource is left as text: it is read once, when it is checked."""

    request: _Request | None = None
    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    search: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class PostedBundle(_Element):
    """A Bundle that somebody sent."""

    resource_type: str = ""
    type: str = ""
    entry: list[PostedEntry] = []
    meta: msgspec.Raw = msgspec.Raw()
    implicit_rules: msgspec.Raw = msgspec.Raw()
    language: msgspec.Raw = msgspec.Raw()
    identifier: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    signature: msgspec.Raw = msgspec.Raw()


class _Identified(msgspec.Struct):
    id: str = ""


class _Kind(msgspec.Struct):
    resource_type: str = msgspec.field(default="", name="resourceType")


_decoder = msgspec.json.Decoder(PostedBundle)
_identified = msgspec.json.Decoder(_Identified)
_kind = msgspec.json.Decoder(_Kind)


def decode_bundle(text: bytes) -> PostedBundle:
    """The Bundle with its entries' resources as text. Problem 400 for anything that is none."""
    try:
        parsed = _decoder.decode(text)
    except REFUSALS as error:
        _require_bundle(text)
        (en, zh), place = why_not_read(text, error, "Bundle")
        raise problem(400, "structure", en, zh, place) from error
    if parsed.resource_type != "Bundle":
        raise _no_bundle(text)
    return parsed


def _require_bundle(text: bytes) -> None:
    """Problem 400 if the text says of itself that it is another resource."""
    with suppress(*REFUSALS):
        if _kind.decode(text).resource_type != "Bundle":
            raise _no_bundle(text)


def _no_bundle(text: bytes) -> Problem:
    encoding = not_utf_8(text)  # which may be what hides the type
    if encoding:
        return problem(400, "structure", *encoding)
    return problem(
        400,
        "invalid",
        "Send a Bundle here; a single resource goes to its type's address, or into a file of lines",
        "此处只接收 Bundle；单个资源请提交到其类型的地址，或写入 NDJSON 文件",
        "Bundle.resourceType",
    )


def repeated_addresses(entries: Sequence[PostedEntry]) -> list[Issue]:
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


def replayed(entry: PostedEntry) -> PostedEntry:
    """An entry of a history as a request: what was created there keeps its id here.

    "entries with the request method of POST must use the Bundle.entry.resource.id":
    https://hl7.org/fhir/R4/http.html#other-bundles
    """
    request = entry.request
    if request is None or request.method != "POST":
        return entry
    with suppress(*REFUSALS):
        logical_id = _identified.decode(entry.resource).id
        if logical_id:
            url = f"{request.url.rstrip('/')}/{logical_id}"
            return replace(entry, request=_Request(method="PUT", url=url))
    return entry


def asked_by(entry: PostedEntry, place: str, base: str) -> Asked | Issue:
    """What the entry at `place` asks for, or why that cannot be understood.

    `base`: this server's own, which the addresses of entries may begin with.
    """
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
        content_type = FHIRPATH_PATCH if text else "application/x-www-form-urlencoded"
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
            if moment.tzinfo is not None:
                headers.append((b"if-modified-since", http_date(moment).encode()))
        except (ValueError, OverflowError):
            return tuple(headers)  # as over HTTP, where a date that cannot be read is no condition
    return tuple(headers)


def _patch(text: bytes, place: str) -> tuple[str, bytes] | Issue:
    """Media type and text of a patch: Parameters as they are, anything else inside a Binary.

    https://hl7.org/fhir/R4/http.html#patch
    """
    with suppress(ValueError):
        match orjson.loads(text):
            case {"resourceType": "Parameters"}:
                return FHIRPATH_PATCH, text
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
