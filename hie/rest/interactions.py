"""The table of implemented interactions: routes and CapabilityStatement are both made from it.

Codes: http://hl7.org/fhir/R4/valueset-type-restful-interaction.html
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from hie.rest.audit_event import read_audit_event, search_audit_events, trail_or
from hie.rest.create import create
from hie.rest.delete import conditional_delete, delete
from hie.rest.history import history
from hie.rest.patch import conditional_patch, patch
from hie.rest.read import read
from hie.rest.search import search
from hie.rest.update import conditional_update, update
from hie.rest.vread import vread

Endpoint = Callable[[Request], Awaitable[Response]]


class Interaction(NamedTuple):
    """One interaction on a type: its FHIR code and the routes (method, path, endpoint) that serve it."""

    code: str
    routes: tuple[tuple[str, str, Endpoint], ...]


TYPE_INTERACTIONS = (
    Interaction("read", (("GET", "/{type}/{id}", trail_or(read, read_audit_event)),)),
    Interaction("vread", (("GET", "/{type}/{id}/_history/{version}", vread),)),
    Interaction(
        "update", (("PUT", "/{type}/{id}", update), ("PUT", "/{type}", conditional_update))
    ),
    Interaction(
        "patch", (("PATCH", "/{type}/{id}", patch), ("PATCH", "/{type}", conditional_patch))
    ),
    Interaction(
        "delete",
        (("DELETE", "/{type}/{id}", delete), ("DELETE", "/{type}", conditional_delete)),
    ),
    Interaction("history-instance", (("GET", "/{type}/{id}/_history", history),)),
    Interaction("history-type", (("GET", "/{type}/_history", history),)),
    Interaction("create", (("POST", "/{type}", create),)),
    Interaction(
        "search-type",
        (
            ("GET", "/{type}", trail_or(search, search_audit_events)),
            ("POST", "/{type}/_search", trail_or(search, search_audit_events)),
        ),
    ),
)
SYSTEM_SEARCHES = Interaction(
    "search-system",
    (
        ("GET", "/", search),
        *(
            route
            for place in ("", "/{compartment}/{id}/{type}", "/{compartment}/{id}/*")
            for route in (("GET", place, search), ("POST", f"{place}/_search", search))
        ),
    ),
)
"""Searches of the whole system and of compartments."""
SYSTEM_HISTORY = Interaction("history-system", (("GET", "/_history", history),))
SYSTEM_INTERACTIONS = ("transaction", "batch", SYSTEM_SEARCHES.code, SYSTEM_HISTORY.code)
