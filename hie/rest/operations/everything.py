"""GET [base]/Patient/[id]/$everything. https://hl7.org/fhir/R4/operation-patient-everything.html"""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.records.everything import everything
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import LARGEST_COUNT, whole_number
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


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise problem(
            400,
            "invalid",
            f"_since={text[:40]} is not an instant such as 2026-01-31T08:00:00+08:00",
            f"_since={text[:40]} 不是完整时刻，例如 2026-01-31T08:00:00+08:00",
            "_since",
        )
    return moment


async def patient_everything(request: Request) -> Response:
    """All that the caller may see of a person's record."""
    caller = await authenticate(request)
    query = request.query_params
    unknown = sorted(set(query) - KNOWN)
    if unknown:
        raise problem(
            400,
            "not-supported",
            f"$everything does not know the parameter {unknown[0]}; it knows {', '.join(sorted(KNOWN))}",
            f"$everything 不支持参数 {unknown[0]}；支持的参数：{', '.join(sorted(KNOWN))}",
            unknown[0],
        )
    body = await everything(
        exchange_of(request),
        caller,
        request.path_params["id"],
        types=_types(query.get("_type")),
        since=_since(query.get("_since")),
        count=whole_number(request, "_count", 0, LARGEST_COUNT) or None,
        cursor=query.get("_cursor"),
    )
    return answer(request, body)
