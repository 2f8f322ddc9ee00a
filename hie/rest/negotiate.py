"""Formats, languages and preferences of a request. https://hl7.org/fhir/R4/http.html#general"""

import re
from functools import lru_cache
from typing import Literal

from starlette.requests import Request

from hie.errors import Problem, problem

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
JSON_TYPES = frozenset(
    ("json", "application/json", "text/json", FHIR_JSON, "application/json+fhir", "*/*")
)
XML_TYPES = frozenset(("xml", "application/xml", "text/xml", FHIR_XML, "application/xml+fhir"))
GENERIC_TYPES = frozenset(("application/json", "text/json", "application/xml", "text/xml"))
WILDCARDS = frozenset(("*/*", "application/*"))
# https://hl7.org/fhir/R4/versioning.html#mt-version
FHIR_VERSION = re.compile(r";\s*fhirVersion\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]*)", re.IGNORECASE)
UTF_8 = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)")

# Parameters about the answer's form, beside those of a search or of criteria.
FORM_PARAMETERS = frozenset(("_format", "_pretty"))
# Where a request's scope says the same of one that sent them in its body.
FORMAT, PRETTY = "hie.format", "hie.pretty"

Format = Literal["json", "xml"]

Return = Literal["minimal", "representation", "OperationOutcome"]
PREFERENCE = re.compile(r"\b(return|handling)\s*=\s*\"?([A-Za-z]+)", re.IGNORECASE)
RETURNS: dict[str, Return] = {
    "minimal": "minimal",
    "representation": "representation",
    "operationoutcome": "OperationOutcome",
}


def media_type(header: str) -> str:
    """The type of a header such as `application/fhir+json; charset=utf-8`, in lower case."""
    return header.partition(";")[0].strip().lower()


def answer_format(request: Request) -> Format:
    """What the caller wants to read; `_format` goes before the Accept header, JSON before XML.

    An empty one asks for nothing. Problem 406 if it is neither.
    """
    asked = request.query_params.get("_format") if request.scope["query_string"] else None
    if asked:
        return named_format(asked)
    offered = request.headers.get("accept") or "*/*"
    found = _best(offered) if len(offered) < 200 else _best.__wrapped__(offered)
    if found is not None:
        return found
    raise _unspoken(offered, "Accept")


def named_format(asked: str) -> Format:
    """What a `_format` means; Problem 406 if it is neither."""
    # A "+" in an address is a space once decoded; everybody writes application/fhir+json.
    found = _format(asked.replace(" ", "+"))
    if found is None:
        raise _unspoken(asked, "_format")
    return found


def _unspoken(offered: str, place: str) -> Problem:
    return problem(
        406,
        "not-supported",
        f"Cannot answer as {offered!r}; the exchange speaks {FHIR_JSON} and {FHIR_XML}",
        f"无法以 {offered!r} 格式应答；本平台使用 {FHIR_JSON} 和 {FHIR_XML}",
        place,
    )


@lru_cache(maxsize=1000)
def _best(offered: str) -> Format | None:
    """What an Accept header asks for first; a type that is named does not go by `*/*`.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
    """
    named: dict[Format, float] = {}
    anything = 0.0
    for part in offered.split(","):
        found = _format(part)
        if media_type(part) in WILDCARDS:
            anything = max(anything, _weight(part)) if found else anything
        elif found is not None:
            named[found] = max(named.get(found, 0.0), _weight(part))
    json, xml = named.get("json", anything), named.get("xml", anything)
    if not json and not xml:
        return None
    return "json" if json >= xml else "xml"


def generic_type(request: Request, written: Format) -> str | None:
    """The media type under which the caller asked for what is `written`, if that is a general one.

    "the server SHOULD respond with the requested mime type": https://hl7.org/fhir/R4/http.html#mime-type
    """
    offered = request.headers.get("accept")
    if not offered or offered == "*/*" or offered.startswith("application/fhir"):
        return None  # nearly every request
    if request.query_params.get("_format") or FORMAT in request.scope:
        return None
    return _generic(offered, written) if len(offered) < 200 else None


@lru_cache(maxsize=1000)
def _generic(offered: str, written: Format) -> str | None:
    asked = [part for part in offered.split(",") if _format(part) == written]
    asked.sort(key=_weight, reverse=True)
    kind = media_type(asked[0]) if asked else ""
    return kind if kind in GENERIC_TYPES else None


def _format(text: str) -> Format | None:
    kind = media_type(text)
    version = FHIR_VERSION.search(text)
    if version is not None and version[1] != "4.0":
        return None
    if kind in JSON_TYPES or kind in WILDCARDS:
        return "json"
    return "xml" if kind in XML_TYPES else None


def _weight(part: str) -> float:
    """The q-value of a part of Accept. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1"""
    match = QUALITY.search(part)
    return float(match[1]) if match else 1.0


def wants_pretty(request: Request) -> bool:
    """Whether the answer is to be indented. https://hl7.org/fhir/R4/http.html#pretty"""
    if request.scope["query_string"] and request.query_params.get("_pretty") == "true":
        return True
    return PRETTY in request.scope


def require_fhir_body(request: Request) -> Format:
    """What the body is declared to be; Problem 415 unless that is FHIR in JSON or XML."""
    declared = request.headers.get("content-type", "")
    sent = media_type(declared)
    found = _format(declared)
    if found is not None and sent in (JSON_TYPES | XML_TYPES) - {"json", "xml", "*/*"}:
        _require_utf_8(declared)
        return found
    raise problem(
        415,
        "not-supported",
        f"The body is {declared[:80] or 'of no declared type'}; send {FHIR_JSON} or {FHIR_XML}",
        f"请求体类型为 {declared[:80] or '（未声明）'}；请使用 {FHIR_JSON} 或 {FHIR_XML}",
        "Content-Type",
    )


def _require_utf_8(declared: str) -> None:
    """Problem 415 for another character set: https://hl7.org/fhir/R4/http.html#mime-type"""
    charset = CHARSET.search(declared)
    if charset is not None and charset[1].lower() not in UTF_8:
        raise problem(
            415,
            "not-supported",
            f"The body is declared to be in {charset[1][:40]}; FHIR is sent in UTF-8",
            f"请求体声明的字符集为 {charset[1][:40]}；FHIR 须以 UTF-8 发送",
            "Content-Type",
        )


def language(request: Request) -> str:
    """`zh` or `en`, whichever the caller names first in Accept-Language; English if neither."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.strip().lower()
        if tag.startswith(("zh", "en")):
            return tag[:2]
    return "en"


def preferences(request: Request) -> dict[str, str]:
    """The `return` and `handling` preferences in lower case; of a repeated one the first counts.

    https://www.rfc-editor.org/rfc/rfc7240#section-2
    """
    found: dict[str, str] = {}
    for name, value in PREFERENCE.findall(",".join(request.headers.getlist("prefer"))):
        found.setdefault(name.lower(), value.lower())
    return found


def preferred_return(request: Request, default: Return) -> Return:
    """What the caller wants back from a change.

    A preference that is not known "MUST" be ignored: https://www.rfc-editor.org/rfc/rfc7240#section-2
    """
    return RETURNS.get(preferences(request).get("return", ""), default)
