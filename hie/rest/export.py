"""Bulk export: kick-off, status, files. https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""

import re
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hie.access.caller import Caller
from hie.access.export import require_exporting
from hie.access.policy import COMPARTMENT_TYPES
from hie.errors import Problem, problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.clock import http_date, instant
from hie.records.bundle import with_parameters
from hie.records.export import (
    DELETED,
    Asked,
    Level,
    exported_types,
    forget,
    gone,
    members,
    start,
    state,
)
from hie.records.export_lines import lines
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.dispatch import ROOT
from hie.rest.history import instant_parameter, require_known
from hie.rest.interactions import Endpoint
from hie.rest.negotiate import media_type, preferences
from hie.rest.respond import PRIVATE
from hie.rest.search import parameters_of
from hie.rest.subset import subset_of

NDJSON = "application/fhir+ndjson"
FORMATS = frozenset((NDJSON, "application/ndjson", "ndjson"))
KNOWN = frozenset(
    ("_outputFormat", "_since", "_type", "_elements", "_typeFilter", "_format", "_pretty")
)
KNOWN_TYPES = frozenset(RESOURCE_TYPES)
# They say what the answer to a search looks like, and a file is none.
FORM_OF_RESULT = frozenset(
    ("_count", "_elements", "_include", "_revinclude", "_sort", "_summary", "_total")
)
# A comma in a filter's value stays; one before the next filter parts the two.
NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
FILE = re.compile(r"([A-Za-z]+)\.([0-9]{1,6})\.ndjson")
PLACE = "$export-files"


def wants_lines(request: Request) -> bool:
    """Whether the Accept header of a request for a file names its format."""
    if PLACE not in request.scope["path"]:
        return False
    offered = request.headers.get("accept", "").split(",")
    return any(media_type(part) in FORMATS for part in offered)


def _refused(name: str, en: str, zh: str) -> Problem:
    return problem(400, "invalid", en, zh, name)


def _lenient(request: Request) -> bool:
    return preferences(request).get("handling") == "lenient"


def _require_async(request: Request) -> None:
    if "respond-async" not in request.headers.get("prefer", ""):
        raise problem(
            400,
            "required",
            "An export is answered later: send Prefer: respond-async",
            "批量导出为异步操作，请发送 Prefer: respond-async",
            "Prefer",
        )
    wanted = request.query_params.get("_outputFormat", NDJSON).replace(" ", "+")
    if wanted not in FORMATS:
        raise _refused(
            "_outputFormat",
            f"_outputFormat={wanted[:40]}: exports are written as {NDJSON}",
            f"_outputFormat={wanted[:40]}：导出格式为 {NDJSON}",
        )


def _types(request: Request, caller: Caller, level: Level) -> list[str]:
    """The types asked for, else all that are allowed. Problem 400, 403."""
    allowed = exported_types(caller, level)
    names = [n for text in request.query_params.getlist("_type") for n in text.split(",") if n]
    for name in names:
        if name in COMPARTMENT_TYPES or (level == "system" and name in KNOWN_TYPES):
            require_exporting(caller, name)
        elif not _lenient(request):
            raise _refused(
                "_type",
                f"_type: '{name[:40]}' is no resource type that can be exported here",
                f"_type：“{name[:40]}”不是此处可导出的资源类型",
            )
    return [name for name in allowed if name in names] if names else allowed


def _filters(request: Request, types: Sequence[str]) -> dict[str, list[list[tuple[str, str]]]]:
    """The searches by type. Problem 400; whether each can be searched for is found out later."""
    found: dict[str, list[list[tuple[str, str]]]] = {}
    for text in request.query_params.getlist("_typeFilter"):
        for one in NEXT_FILTER.split(text):
            name, mark, query = one.strip().partition("?")
            pairs = parameters_of(query)
            form = sorted({each.partition(":")[0] for each, _ in pairs} & FORM_OF_RESULT)
            if not mark or not pairs or name not in types or form:
                raise _refused(
                    "_typeFilter",
                    f"_typeFilter={one[:80]} is not a search of an exported type by its contents, "
                    "such as Observation?status=final",
                    f"_typeFilter={one[:80]} 应为对导出类型按内容的检索，例如 Observation?status=final",
                )
            found.setdefault(name, []).append(pairs)
    return found


async def _patients(request: Request, caller: Caller, level: Level) -> list[str] | None:
    """Ids of the Patients whose records are asked for; None for everybody's. Problem 400, 404."""
    named = [
        text.strip().removeprefix("Patient/")
        for value in request.query_params.getlist("patient")
        for text in value.split(",")
    ]
    if level != "group":
        return named or None
    group = request.path_params["id"]
    there = await members(exchange_of(request), caller, group)
    strangers = sorted(set(named) - set(there))
    if strangers:
        raise problem(
            404,
            "not-found",
            f"Patient/{strangers[0][:64]} is no active member of Group/{group}",
            f"Patient/{strangers[0][:64]} 不是 Group/{group} 的有效成员",
            "patient",
        )
    return named or there


async def _kick_off(request: Request, level: Level) -> Response:
    caller = await authenticate(request)
    require_exporting(caller)
    require_known(request, KNOWN if level == "system" else KNOWN | {"patient"})
    _require_async(request)
    types = _types(request, caller, level)
    elements = request.query_params.get("_elements", "")
    subset = subset_of([("_elements", elements)], None)
    exchange = exchange_of(request)
    base = exchange.settings.fhir_base
    path = request.scope["path"].removeprefix(ROOT)
    asked = Asked(
        with_parameters(f"{base}{path}", request.query_params.multi_items()),
        level,
        types,
        instant_parameter(request, "_since"),
        await _patients(request, caller, level),
        _filters(request, types),
        {name: sorted(wanted) for name, wanted in subset.elements.items()},
    )
    export_id = await start(exchange, caller, asked)
    place = f"{base}/{PLACE}/{export_id}"
    return Response(status_code=202, headers={**PRIVATE, "content-location": place})


async def export_system(request: Request) -> Response:
    """Everything of the types asked for."""
    return await _kick_off(request, "system")


async def export_patients(request: Request) -> Response:
    """The records of all patients, or of those named."""
    return await _kick_off(request, "patient")


async def export_group(request: Request) -> Response:
    """The records of the members of a group."""
    return await _kick_off(request, "group")


async def export_status(request: Request) -> Response:
    """202 until the list of files can be given; then the list."""
    caller = await authenticate(request)
    exchange = exchange_of(request)
    export = await state(exchange, caller, request.path_params["export"])
    if export is None or export.output is None:
        waiting = {"x-progress": "waiting for changes under way", "retry-after": "1"}
        return Response(status_code=202, headers={**PRIVATE, **waiting})
    place = f"{exchange.settings.fhir_base}/{PLACE}/{export.id}"
    manifest = {
        "transactionTime": instant(export.moment),
        "request": export.asked["request"],
        "requiresAccessToken": True,
        "output": [
            {"type": name, "url": f"{place}/{name}.{number}.ndjson", "count": count}
            for name, stretches in export.output["files"].items()
            for number, (_, _, count) in enumerate(stretches, 1)
        ],
        "deleted": [{"type": "Bundle", "url": f"{place}/{DELETED}.1.ndjson"}]
        if export.output[DELETED]
        else [],
        "error": [],
    }
    headers = {
        **PRIVATE,
        "content-type": "application/json",
        "expires": http_date(export.until),
    }
    return Response(orjson.dumps(manifest), headers=headers)


async def delete_export(request: Request) -> Response:
    """Forget the export: nothing of it can be fetched any more."""
    caller = await authenticate(request)
    require_exporting(caller)
    export_id = request.path_params["export"]
    if not await forget(exchange_of(request), caller, export_id):
        raise gone(export_id)
    return Response(status_code=202, headers=PRIVATE)


async def export_file(request: Request) -> Response:
    """The lines of one file, as they are read."""
    caller = await authenticate(request)
    asked = request.path_params
    named = FILE.fullmatch(asked["file"])
    if named is None:
        raise gone(f"{asked['export']}/{asked['file']}")
    pages = await lines(exchange_of(request), caller, asked["export"], named[1], int(named[2]))
    headers = {**PRIVATE, "content-type": NDJSON}
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(pages, headers=headers)


EXPORT: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", f"/{PLACE}/{{export}}", export_status),
    ("DELETE", f"/{PLACE}/{{export}}", delete_export),
    ("GET", f"/{PLACE}/{{export}}/{{file}}", export_file),
)
"""Method, path and endpoint of what a kick-off leads to."""
