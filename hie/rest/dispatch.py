"""From a path below `/fhir` to what answers it, in a few look-ups however many addresses there are.

Paths are tables of segments: https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from hie.rest.interactions import Endpoint

ROOT = "/fhir"
# Documents of the authorization server have their place below the FHIR base, but not among its routes.
ELSEWHERE = f"{ROOT}/.well-known/"


class Paths:
    """Endpoints by path. Segments in braces stand for anything; literal ones go before them."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._tables: dict[int, list[_Table]] = {}
        # Fewest variables first, then the longest path, so that {id} never swallows _search.
        for path in sorted(endpoints, key=lambda path: (path.count("{"), -len(path))):
            segments = path.split("/")
            tables = self._tables.setdefault(len(segments), [])
            variables = {n: s[1:-1] for n, s in enumerate(segments) if s.startswith("{")}
            table = next((t for t in tables if t.variables == variables), None)
            if table is None:
                table = _Table(variables, len(segments))
                tables.append(table)
            table.endpoints[table.key(segments)] = endpoints[path]

    def find(self, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint for a decoded path, with what stands for its variables; None if there is none."""
        segments = path.split("/")
        for table in self._tables.get(len(segments), ()):
            endpoint = table.endpoints.get(table.key(segments))
            if endpoint is not None and all(segments[n] for n in table.variables):
                return endpoint, {name: segments[n] for n, name in table.variables.items()}
        return None


class _Table:
    """The paths that have the same variables in the same places."""

    def __init__(self, variables: Mapping[int, str], length: int) -> None:
        self.variables = variables
        self.endpoints: dict[tuple[str, ...], Endpoint] = {}
        self._literal = [n for n in range(length) if n not in variables]

    def key(self, segments: list[str]) -> tuple[str, ...]:
        return tuple([segments[n] for n in self._literal])


class FhirRoute(BaseRoute):
    """Everything below `/fhir`, as one route and as an ASGI application of its own."""

    def __init__(self, paths: Paths, otherwise: Endpoint) -> None:
        self._paths = paths
        self._otherwise = otherwise

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the decoded path is one of the FHIR interface."""
        beyond = path[len(ROOT) : len(ROOT) + 1]
        return path.startswith(ROOT) and beyond in ("", "/") and not path.startswith(ELSEWHERE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = scope["type"] == "http" and self.serves(scope["path"])
        return (Match.FULL, {}) if found else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"][len(ROOT) :]
        # A slash at the end means the same: many clients put their addresses together so.
        found = self._paths.find(path) or self._paths.find(path.removesuffix("/"))
        endpoint, scope["path_params"] = found or (self._otherwise, {})
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
