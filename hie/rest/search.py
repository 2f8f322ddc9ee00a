"""Searches of a type, of the whole system and of a compartment. https://hl7.org/fhir/R4/http.html#search

GET [base]/[type]?…, GET [base]?…, GET [base]/[compartment]/[id]/[type]?…, with `*` for all types in a
compartment; and POST of the same parameters to …/_search.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.find import find
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.negotiate import (
    FORM_PARAMETERS,
    FORMAT,
    PRETTY,
    language,
    media_type,
    named_format,
    preferences,
)
from hie.rest.respond import answer
from hie.rest.subset import NAMES, subset_of
from hie.search.compartment import COMPARTMENTS
from hie.search.parse import EVERY_TYPE, Compartment

LARGEST_FORM = 1024 * 1024
MOST_PARAMETERS = 1000


def parameters_of(text: str) -> list[tuple[str, str]]:
    """The decoded parameters of a query string or form; Problem 400 if they cannot be read."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict"
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise problem(
            400,
            "invalid",
            f"The parameters cannot be read: {error}",
            f"无法读取参数：{error}",
        ) from error
    return [(name, value) for name, value in pairs if name not in FORM_PARAMETERS]


def _text(form: bytes) -> str:
    """The form's text; Problem 400 if it is in another encoding: what was meant would not be found."""
    try:
        return form.decode()
    except UnicodeDecodeError as error:
        raise problem(
            400,
            "invalid",
            f"The form is not UTF-8 at byte {error.start + 1}; percent-encode its values in UTF-8",
            f"表单第 {error.start + 1} 字节不是 UTF-8 编码；请以 UTF-8 对取值做百分号编码",
        ) from error


def _compartment(asked: Mapping[str, str]) -> Compartment | None:
    if "compartment" not in asked:
        return None
    name = asked["compartment"]
    if name not in COMPARTMENTS:
        raise problem(
            404,
            "not-supported",
            f"'{name[:80]}' is no compartment; there are {', '.join(COMPARTMENTS)}",
            f"没有区段“{name[:80]}”，可用：{'、'.join(COMPARTMENTS)}",
        )
    return Compartment(name, asked["id"])


def _answer_as_asked(request: Request, form: str) -> None:
    """Parameters about the answer's form hold wherever they are sent, but in entries of a Bundle."""
    if "caller" in request.scope:
        return
    asked = dict(pair for pair in parse_qsl(form) if pair[0] in FORM_PARAMETERS)
    if "_format" in asked:
        request.scope[FORMAT] = named_format(asked["_format"])
    if asked.get("_pretty") == "true":
        request.scope[PRETTY] = True


def _require_no_includes(pairs: list[tuple[str, str]]) -> None:
    """Problem 400: "_include and _revinclude cannot be mixed with _summary=text"."""
    for name, value in pairs:
        if value and name.partition(":")[0] in ("_include", "_revinclude"):
            raise problem(
                400,
                "invalid",
                f"{name[:40]} cannot be combined with _summary=text",
                f"{name[:40]} 不能与 _summary=text 同时使用",
                name[:40],
            )


async def search(request: Request) -> Response:
    """Resources that match all parameters."""
    caller = await authenticate(request)
    pairs = parameters_of(request.url.query)
    if request.method == "POST":
        sent = media_type(request.headers.get("content-type", "application/x-www-form-urlencoded"))
        if sent != "application/x-www-form-urlencoded":
            raise problem(
                415,
                "not-supported",
                f"A search is posted as application/x-www-form-urlencoded, not as {sent}",
                f"检索须以 application/x-www-form-urlencoded 提交，而不是 {sent}",
                "Content-Type",
            )
        form = _text(await read_body(request, LARGEST_FORM))
        pairs += parameters_of(form)
        _answer_as_asked(request, form)
    type_name = request.path_params.get("type")
    subset = subset_of(pairs, type_name, counting=True)
    pairs = [pair for pair in pairs if pair[0] not in NAMES]
    if subset.summary == "count":
        pairs = [*(pair for pair in pairs if pair[0] != "_count"), ("_count", "0")]
    if subset.summary == "text":
        _require_no_includes(pairs)
    lenient = preferences(request).get("handling") == "lenient"
    asked = request.path_params
    body = await find(
        exchange_of(request),
        caller,
        type_name or EVERY_TYPE,
        pairs,
        lenient=lenient,
        compartment=_compartment(asked),
        language=language(request),
        subset=subset,
        contained=True,
    )
    return answer(request, body)
