"""GET [base]/[type]?… and POST [base]/[type]/_search. https://hl7.org/fhir/R4/http.html#search"""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.find import find
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.negotiate import media_type, preferences
from hie.rest.respond import answer

# About the answer's form and not about what is searched.
FORM_PARAMETERS = frozenset(("_format", "_pretty"))
LARGEST_FORM = 1024 * 1024
MOST_PARAMETERS = 1000


def _pairs(text: str) -> list[tuple[str, str]]:
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


async def search(request: Request) -> Response:
    """Resources of one type that match all parameters."""
    caller = await authenticate(request)
    pairs = _pairs(request.url.query)
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
        pairs += _pairs((await read_body(request, LARGEST_FORM)).decode("utf-8", "replace"))
    lenient = preferences(request).get("handling") == "lenient"
    body = await find(
        exchange_of(request), caller, request.path_params["type"], pairs, lenient=lenient
    )
    return answer(request, body)
