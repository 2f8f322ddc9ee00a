"""Binaries as what they hold. https://hl7.org/fhir/R4/binary.html#rest

A Binary can be sent as its content, with the content's own media type, and asked for so by an
Accept header that names neither FHIR's JSON nor its XML. The answer is for saving and not for
showing: a browser must not run what an institution has stored under the exchange's address.
"""

import re
from base64 import b64decode, b64encode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.fetch import Fetched
from hie.rest.body import LARGEST_RESOURCE, read_body
from hie.rest.negotiate import (
    GENERIC_TYPES,
    JSON_TYPES,
    WILDCARDS,
    XML_TYPES,
    media_type,
    require_fhir_body,
)
from hie.rest.respond import PRIVATE, version_headers, versioned

FHIR_TYPES = JSON_TYPES | XML_TYPES | {"application/*"}
MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+\-]+/[a-z0-9!#$&^_.+\-]+")
LARGEST_CONTENT = LARGEST_RESOURCE * 3 // 4 - 1024
"""In base64, as a part of the resource, it is a third larger."""


def wants_content(request: Request) -> bool:
    """Whether a read of a Binary asks for the content and not for the resource."""
    return _reads_binary(request) and not _accepted(request) & FHIR_TYPES


def _reads_binary(request: Request) -> bool:
    """Whether it is a read of a Binary whose form is left to the Accept header."""
    if request.path_params.get("type") != "Binary":
        return False
    segments = request.scope["path"].split("/")[2:]
    if (
        segments[:1] != ["Binary"]
        or len(segments) not in (2, 4)
        or "_format" in request.query_params
    ):
        return False
    return request.method in ("GET", "HEAD") and "accept" in request.headers


def _names_content(request: Request, kind: str) -> bool:
    """Whether the content is XML or JSON and asked for as that, and not as FHIR.

    A general type stands for FHIR "except for binary": https://hl7.org/fhir/R4/http.html#mime-type
    """
    accepted = _accepted(request)
    asked = kind in GENERIC_TYPES and kind in accepted and _reads_binary(request)
    return asked and not accepted & (FHIR_TYPES - GENERIC_TYPES - WILDCARDS)


def _accepted(request: Request) -> set[str]:
    return {media_type(part) for part in request.headers.get("accept", "").split(",")}


def version_or_content(request: Request, fetched: Fetched) -> Response:
    """The answer to a read: the version, or what the Binary holds if that is asked for.

    Problem 406 if the content is of another type than those accepted.
    """
    response = versioned(request, fetched)
    if fetched.type != "Binary" or response.status_code != 200:
        return response
    if not wants_content(request) and not _accepted(request) & GENERIC_TYPES:
        return response  # whatever it holds
    binary = orjson.loads(fetched.body)
    kind = binary["contentType"]
    plain = media_type(kind)
    if not wants_content(request) and not _names_content(request, plain):
        return response
    if not _accepted(request) & {plain, f"{plain.partition('/')[0]}/*"}:
        raise problem(
            406,
            "not-supported",
            f"This Binary holds {kind}, which the Accept header does not name",
            f"该 Binary 的内容类型为 {kind}，不在 Accept 所列类型之中",
            "Accept",
        )
    held = b64decode(binary.get("data", ""))
    return Response(
        b"" if request.method == "HEAD" else held,
        headers={
            **PRIVATE,
            **version_headers(fetched.version, fetched.last_updated),
            "content-type": _header(kind, plain),
            "content-length": str(len(held)),
            "content-disposition": "attachment",
        },
    )


def _header(kind: str, plain: str) -> str:
    """The stored type as a header can say it: without parameters in another script, or of several lines.

    https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
    """
    if kind.isascii() and kind.isprintable():
        return kind
    return plain if MEDIA_TYPE.fullmatch(plain) else "application/octet-stream"


async def resource_body(request: Request, logical_id: str | None = None) -> bytes:
    """The resource sent, a Binary also as its content. Problem 413 or 415."""
    kind = request.headers.get("content-type", "").strip()
    if request.path_params["type"] != "Binary" or not kind or media_type(kind) in FHIR_TYPES:
        require_fhir_body(request)
        return await read_body(request, LARGEST_RESOURCE)
    data = await read_body(request, LARGEST_CONTENT)
    binary: dict[str, object] = {"resourceType": "Binary"}
    if logical_id is not None:
        binary["id"] = logical_id
    binary["contentType"] = " ".join(kind.split())
    if "x-security-context" in request.headers:
        binary["securityContext"] = {"reference": request.headers["x-security-context"]}
    if data:
        binary["data"] = b64encode(data).decode()
    return orjson.dumps(binary)
