"""From a path below `/fhir` to what answers it, in a few look-ups however many addresses there are.

Paths are tables of segments: https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from hie.rest.compression import compressed
from hie.rest.interactions import Endpoint

ROOT = "/fhir"
BELOW = f"{ROOT}/"
# Documents of the authorization server have their place below the FHIR base, but not among its routes.
ELSEWHERE = f"{ROOT}/.well-known/"
MOST_SHAPES = 10_000

Shape = tuple[str | None, ...]
"""The segments of a path, None for those that are in no known path and can only be variables."""


class Paths:
    """Endpoints by path. Segments in braces stand for anything; literal ones go before them."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        # Fewest variables first, then the longest path, so that {id} never swallows _search.
        self._known = [
            (tuple(path.split("/")), endpoints[path])
            for path in sorted(endpoints, key=lambda path: (path.count("{"), -len(path)))
        ]
        self._longest = max(len(known) for known, _ in self._known)
        segments = {segment for known, _ in self._known for segment in known}
        self._literal = {segment for segment in segments if not segment.startswith("{")} | {""}
        self._by_shape = lru_cache(maxsize=MOST_SHAPES)(self._of_shape)

    def find(self, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint for a decoded path, with what stands for its variables; None if there is none."""
        segments = path.split("/")
        if len(segments) > self._longest:
            return None
        literal = self._literal
        found = self._by_shape(tuple([one if one in literal else None for one in segments]))
        if found is None:
            return None
        endpoint, variables = found
        return endpoint, {name: segments[n] for n, name in variables}

    def _of_shape(self, shape: Shape) -> tuple[Endpoint, tuple[tuple[int, str], ...]] | None:
        """What answers all paths that have these literal segments, and where its variables are."""
        for known, endpoint in self._known:
            if len(known) == len(shape) and all(map(_fits, known, shape)):
                places = enumerate(known)
                return endpoint, tuple((n, s[1:-1]) for n, s in places if s.startswith("{"))
        return None


def _fits(known: str, segment: str | None) -> bool:
    return segment != "" if known.startswith("{") else segment == known


@lru_cache(maxsize=1000)
def _sent_as(name: str) -> bytes:
    """A header's name as a request has it."""
    return name.lower().encode("latin-1")


class _Headers(Headers):
    """Headers that are found by a look-up: several are asked for in every request."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def __getitem__(self, key: str) -> str:
        return self._first[_sent_as(key)].decode("latin-1")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _sent_as(key) in self._first

    def get(self, key: str, default: Any = None) -> Any:
        found = self._first.get(_sent_as(key))
        return default if found is None else found.decode("latin-1")


class _Request(Request):
    """A request to the FHIR interface."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._sent = _Headers(scope["headers"])

    @property
    def headers(self) -> Headers:
        return self._sent


class FhirRoute(BaseRoute):
    """Everything below `/fhir`, as one route and as an ASGI application of its own."""

    def __init__(self, paths: Paths, otherwise: Endpoint) -> None:
        self._paths = paths
        self._otherwise = otherwise

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the decoded path is one of the FHIR interface."""
        below = path.startswith(BELOW) or path == ROOT
        return below and not path.startswith(ELSEWHERE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = scope["type"] == "http" and self.serves(scope["path"])
        return (Match.FULL, {}) if found else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"][len(ROOT) :]
        # A slash at the end means the same: many clients put their addresses together so.
        found = self._paths.find(path)
        if found is None:
            found = self._paths.find(path.removesuffix("/")) or (self._otherwise, {})
        endpoint, scope["path_params"] = found
        response = await endpoint(_Request(scope, receive, send))
        await compressed(response, scope, receive, send)
