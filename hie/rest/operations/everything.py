"""GET [base]/Patient/[id]/$everything. https://hl7.org/fhir/R4/operation-patient-everything.html"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.records.everything import everything
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import LARGEST_COUNT, instant_parameter, require_known, whole_number
from hie.rest.respond import answer

KNOWN = frozenset(("_count", "_type", "_since", "_cursor", "_format", "_pretty"))
KNOWN_TYPES = frozenset(RESOURCE_TYPES)


def _types(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = text.split(",")
    unknown = [name for name in names if name not in KNOWN_TYPES]
    if unknown:
        raise problem(
            400,
            "invalid",
            f"_type names no resource type of R4: {', '.join(unknown)[:80]}",
            f"_type 中有 R4 未定义的资源类型：{', '.join(unknown)[:80]}",
            "_type",
        )
    return names


async def patient_everything(request: Request) -> Response:
    """All that the caller may see of a person's record."""
    caller = await authenticate(request)
    query = request.query_params
    require_known(request, KNOWN)
    body = await everything(
        exchange_of(request),
        caller,
        request.path_params["id"],
        types=_types(query.get("_type")),
        since=instant_parameter(request, "_since"),
        count=whole_number(request, "_count", 0, LARGEST_COUNT) or None,
        cursor=query.get("_cursor"),
    )
    return answer(request, body)
