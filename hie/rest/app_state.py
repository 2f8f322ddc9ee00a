"""[base]/app-state/Basic: what apps keep for themselves, under a FHIR base of its own.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-state.html#app-state-interactions
"""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from hie.access.app_state import NOBODY, State
from hie.auth.endpoints.smart_configuration import APP_STATE_PATH
from hie.errors import Problem, problem
from hie.kit.clock import now
from hie.records import app_state
from hie.records.bundle import Link, bundle, found, with_parameters
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import read_body
from hie.rest.dispatch import ROOT
from hie.rest.interactions import Endpoint
from hie.rest.negotiate import FORM_PARAMETERS, require_fhir_body
from hie.rest.respond import PRIVATE, answer, version_headers

LARGEST = 256 * 1024
_VERSION = re.compile(r'(?:W/)?"([0-9]{1,18})"')


def _base(request: Request) -> str:
    return f"{exchange_of(request).settings.public_base_url}{APP_STATE_PATH}"


def _versions(request: Request) -> Sequence[int]:
    """The versions that `If-Match` names; Problem 428 without it.

    https://www.rfc-editor.org/rfc/rfc6585#section-3
    """
    header = request.headers.get("if-match")
    if header is None:
        raise problem(
            428,
            "required",
            "Send If-Match with the ETag of the version that this replaces",
            "请在 If-Match 中提供被替换版本的 ETag",
        )
    return [int(version) for version in _VERSION.findall(header)]


def _changed(request: Request, state: State, status: int) -> Response:
    headers = version_headers(state.version, state.last_updated)
    headers["location"] = f"{_base(request)}/Basic/{state.id}"
    return answer(request, app_state.shown(state), status=status, headers=headers)


async def create_state(request: Request) -> Response:
    """Keep a new state."""
    caller = await authenticate(request)
    require_fhir_body(request)
    body = await read_body(request, LARGEST)
    return _changed(request, await app_state.create(exchange_of(request), caller, body), 201)


async def update_state(request: Request) -> Response:
    """Replace a state."""
    caller = await authenticate(request)
    require_fhir_body(request)
    versions = _versions(request)
    body = await read_body(request, LARGEST)
    state = await app_state.update(
        exchange_of(request), caller, request.path_params["id"], body, versions
    )
    return _changed(request, state, 200)


async def delete_state(request: Request) -> Response:
    """Remove a state."""
    caller = await authenticate(request)
    versions = _versions(request)
    await app_state.delete(exchange_of(request), caller, request.path_params["id"], versions)
    return Response(status_code=204, headers=PRIVATE)


def _unanswerable() -> Problem:
    return problem(
        400,
        "invalid",
        "App state is searched by code=system|code and subject=[absolute reference] "
        "or subject:missing=true, each once",
        "应用状态只能按 code=system|code 及 subject=绝对引用（或 subject:missing=true）检索，各一次",
    )


async def search_states(request: Request) -> Response:
    """The app's states under one code, about one subject or about none."""
    caller = await authenticate(request)
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] not in FORM_PARAMETERS]
    asked = dict(pairs)
    code, subject = asked.get("code"), asked.get("subject")
    if asked.get("subject:missing") == "true":
        subject = NOBODY if subject is None else None
    elif not subject:
        subject = None
    if not code or subject is None or len(pairs) != 2:
        raise _unanswerable()
    states = await app_state.find(exchange_of(request), caller, subject, code)
    base = _base(request)
    entries = [found(base, "Basic", one.id, app_state.shown(one), "match") for one in states]
    here = with_parameters(f"{base}/Basic", pairs)
    body = bundle("searchset", entries, links=[Link("self", here)], total=len(states), moment=now())
    return answer(request, body)


_PLACE = f"{APP_STATE_PATH.removeprefix(ROOT)}/Basic"
APP_STATE: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", _PLACE, search_states),
    ("POST", _PLACE, create_state),
    ("PUT", _PLACE + "/{id}", update_state),
    ("DELETE", _PLACE + "/{id}", delete_state),
)
"""Method, path and endpoint. Apart from the records, so that nothing that reads records finds it."""
