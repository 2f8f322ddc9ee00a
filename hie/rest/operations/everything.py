"""$everything of a Patient and of an Encounter. https://hl7.org/fhir/R4/operation-patient-everything.html"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.records.encounter import encounter_everything
from hie.records.everything import everything
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import LARGEST_COUNT, instant_parameter, require_known, whole_number
from hie.rest.respond import answer
from hie.rest.subset import NAMES, subset_of

KNOWN_TYPES = frozenset(RESOURCE_TYPES)
KNOWN = frozenset(("_count", "_type", "_since", "_cursor", "_format", "_pretty", *NAMES))
CARE = frozenset(("start", "end"))


def _types(request: Request) -> list[str] | None:
    names = [n for text in request.query_params.getlist("_type") for n in text.split(",") if n]
    unknown = [name for name in names if name not in KNOWN_TYPES]
    if unknown:
        raise problem(
            400,
            "invalid",
            f"_type names no resource type of R4: {', '.join(unknown)[:80]}",
            f"_type 中有 R4 未定义的资源类型：{', '.join(unknown)[:80]}",
            "_type",
        )
    return names or None


def _asked(request: Request) -> dict[str, Any]:
    query = request.query_params
    return {
        "types": _types(request),
        "since": instant_parameter(request, "_since"),
        "count": whole_number(request, "_count", 0, LARGEST_COUNT) or None,
        "cursor": query.get("_cursor"),
        "subset": subset_of(query.multi_items(), None),
    }


async def patient_everything(request: Request) -> Response:
    """All that the caller may see of a person's record; without an id, of the launch patient."""
    caller = await authenticate(request)
    require_known(request, KNOWN | CARE)
    patient = request.path_params.get("id", caller.patient)
    if patient is None:
        raise problem(
            400,
            "too-costly",
            "This token is not about one patient; ask for Patient/[id]/$everything",
            "该令牌不限于一位患者，请使用 Patient/[id]/$everything",
        )
    query = request.query_params
    body = await everything(
        exchange_of(request),
        caller,
        patient,
        start=query.get("start"),
        end=query.get("end"),
        **_asked(request),
    )
    return answer(request, body)


async def everything_of_encounter(request: Request) -> Response:
    """All that the caller may see of an encounter."""
    caller = await authenticate(request)
    require_known(request, KNOWN)
    body = await encounter_everything(
        exchange_of(request), caller, request.path_params["id"], **_asked(request)
    )
    return answer(request, body)
