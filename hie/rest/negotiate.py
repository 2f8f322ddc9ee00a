"""Formats, languages and preferences of a request. https://hl7.org/fhir/R4/http.html#general"""

import re
from typing import Literal

from starlette.requests import Request

from hie.errors import problem

FHIR_JSON = "application/fhir+json"
JSON_TYPES = frozenset(
    ("json", "application/json", "text/json", FHIR_JSON, "application/json+fhir", "*/*")
)
WILDCARDS = frozenset(("*/*", "application/*"))

Return = Literal["minimal", "representation", "OperationOutcome"]
PREFERENCE = re.compile(r"\b(return|handling)\s*=\s*\"?([A-Za-z]+)")


def media_type(header: str) -> str:
    """The type of a header such as `application/fhir+json; charset=utf-8`, in lower case."""
    return header.partition(";")[0].strip().lower()


def require_json_answer(request: Request) -> None:
    """Problem 406 unless the caller takes JSON; `_format` goes before the Accept header."""
    asked = request.query_params.get("_format")
    if asked is not None:
        # A "+" in an address is a space once decoded; everybody writes application/fhir+json.
        if media_type(asked.replace(" ", "+")) in JSON_TYPES:
            return
        offered = asked
    else:
        offered = request.headers.get("accept", "*/*")
        types = {media_type(part) for part in offered.split(",")}
        if types & (JSON_TYPES | WILDCARDS):
            return
    raise problem(
        406,
        "not-supported",
        f"Cannot answer as {offered!r}; the exchange speaks {FHIR_JSON}",
        f"无法以 {offered!r} 格式应答；本平台使用 {FHIR_JSON}",
        "_format",
    )


def require_json_body(request: Request) -> None:
    """Problem 415 unless the body is declared as JSON."""
    sent = media_type(request.headers.get("content-type", ""))
    if sent not in JSON_TYPES - {"json", "*/*"}:
        raise problem(
            415,
            "not-supported",
            f"The body is {sent or 'of no declared type'}; send {FHIR_JSON}",
            f"请求体类型为 {sent or '（未声明）'}；请使用 {FHIR_JSON}",
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
    """The `return` and `handling` preferences. https://www.rfc-editor.org/rfc/rfc7240"""
    return dict(PREFERENCE.findall(request.headers.get("prefer", "")))


def preferred_return(request: Request, default: Return) -> Return:
    """What the caller wants back from a change; Problem 400 for a value that FHIR does not define."""
    match preferences(request).get("return", default):
        case "minimal":
            return "minimal"
        case "representation":
            return "representation"
        case "OperationOutcome":
            return "OperationOutcome"
        case other:
            raise problem(
                400,
                "invalid",
                f"Prefer: return={other} is not minimal, representation or OperationOutcome",
                f"Prefer: return={other} 不是 minimal、representation 或 OperationOutcome",
                "Prefer",
            )
