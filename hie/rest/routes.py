"""The FHIR routes under `/fhir`. https://hl7.org/fhir/R4/http.html#summary"""

import logging
from collections import defaultdict
from collections.abc import Awaitable
from functools import wraps

from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import Response

from hie.audit.log import AuditError
from hie.errors import Problem, problem
from hie.kit.ids import new_id
from hie.rest.address import require_type_and_id
from hie.rest.app_state import APP_STATE
from hie.rest.binary import wants_content
from hie.rest.bundle import post_bundle
from hie.rest.dispatch import FhirRoute, Paths
from hie.rest.export import EXPORT, wants_lines
from hie.rest.interactions import SYSTEM_HISTORY, SYSTEM_SEARCHES, TYPE_INTERACTIONS, Endpoint
from hie.rest.metadata import metadata
from hie.rest.negotiate import FORMAT, Format, answer_format, generic_type, wants_pretty
from hie.rest.operations.own import ROUTES as OWN_DEFINITIONS
from hie.rest.operations.table import OPERATIONS
from hie.rest.respond import failure, named, pretty
from hie.rest.xml import as_xml
from hie.rest.zero_character import require_text

logger = logging.getLogger(__name__)


def _fault(request: Request, error: Exception) -> Problem:
    """What a caller is told of our own fault: a number under which the log has the rest.

    Without the database, or without a place for the audit row, a later attempt may succeed: 503.
    """
    incident = new_id()
    logger.error("incident %s: %s %s", incident, request.method, request.url.path, exc_info=error)
    unavailable = isinstance(error, OperationalError | AuditError)
    return problem(
        503 if unavailable else 500,
        "transient" if unavailable else "exception",
        "The exchange failed on this request, which was carried out whole or not at all. "
        f"Tell its operator: incident {incident}",
        f"平台处理此请求时出错，该请求要么已完整执行，要么完全未执行。请告知平台运维人员事件编号 {incident}",
    )


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Problems and faults become OperationOutcomes; formats and types are checked before all else."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        wanted: Format = "json"
        own_format = False
        try:
            own_format = wants_content(request) or wants_lines(request)
            wanted = "json" if own_format else answer_format(request)
            require_text(request)
            require_type_and_id(request.path_params)
            response = await endpoint(request)
            wanted = request.scope.get(FORMAT, wanted)
        except Problem as found:
            response = failure(request, found)
        except Exception as error:
            response = failure(request, _fault(request, error))
        if wanted == "xml":
            response = as_xml(request, response)
        elif wants_pretty(request):
            response = pretty(response)
        generic = None if own_format else generic_type(request, wanted)
        return response if generic is None else named(response, generic)

    return guarded


def _by_method(handlers: dict[str, Endpoint]) -> Endpoint:
    allowed = ", ".join(sorted([*handlers, *(["HEAD"] if "GET" in handlers else []), "OPTIONS"]))
    endpoints = {**handlers, "HEAD": handlers["GET"]} if "GET" in handlers else handlers

    async def otherwise(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allowed})
        refusal = problem(
            405,
            "not-supported",
            f"{request.method} is not possible here; possible: {allowed}",
            f"此地址不支持 {request.method}；支持：{allowed}",
        )
        response = failure(request, refusal)
        response.headers["allow"] = allowed
        return response

    def dispatch(request: Request) -> Awaitable[Response]:
        return endpoints.get(request.scope["method"], otherwise)(request)

    return dispatch


async def _unknown(request: Request) -> Response:
    raise problem(
        404,
        "not-found",
        f"There is nothing at {request.url.path[:200]}",
        f"{request.url.path[:200]} 处没有内容",
    )


def fhir_route() -> FhirRoute:
    """All routes below `/fhir`."""
    table: dict[str, dict[str, Endpoint]] = defaultdict(dict)
    table["/metadata"]["GET"] = metadata
    table["/"]["POST"] = post_bundle
    table[""]["POST"] = post_bundle
    for method, path, endpoint in (*APP_STATE, *EXPORT, *OWN_DEFINITIONS):
        table[path][method] = endpoint
    for served in (*OPERATIONS, *TYPE_INTERACTIONS, SYSTEM_SEARCHES, SYSTEM_HISTORY):
        for method, path, endpoint in served.routes:
            table[path][method] = endpoint
    paths = Paths({path: _guarded(_by_method(handlers)) for path, handlers in table.items()})
    return FhirRoute(paths, _guarded(_unknown))
