"""Apps in browsers that come from another address. https://fetch.spec.whatwg.org/#http-cors-protocol

Whoever may see records is decided by the token alone: no cookie is read under the FHIR base, and no
answer allows credentials. What anybody may read, every origin may; the rest the origins of registered
apps, and those that the operator has named. The authorization server sees to its own endpoints.
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ASKED = (
    *("accept", "accept-language", "authorization", "content-type", "dpop", "prefer"),
    *("if-match", "if-none-match", "if-none-exist", "if-modified-since", "x-request-id"),
    *("if-unmodified-since", "x-provenance"),
)
"""Headers that an app may send."""
ANSWERED = (
    *("etag", "last-modified", "location", "content-location", "www-authenticate"),
    *("dpop-nonce", "retry-after", "x-request-id"),
)
"""Headers that an app may read."""
SECONDS = 600


class CrossOrigin:
    """Answers preflight requests below the FHIR base and lets browsers hand over the answers."""

    def __init__(
        self, app: ASGIApp, *, origins: Sequence[str], registered: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._app = app
        self._open = _allowing(app, ["*"])
        self._origins = frozenset(origins)
        self._records = _allowing(app, origins) if origins else app
        self._registered = registered

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass everything on, requests for records by way of the origins that are allowed."""
        path: str = scope.get("path", "")
        if path == "/fhir/metadata":
            return self._open(scope, receive, send)
        if path.startswith("/fhir") and not path.startswith("/fhir/.well-known/"):
            origin = dict(reversed(scope["headers"])).get(b"origin")
            if origin:
                return self._crossing(origin.decode("latin-1"), scope, receive, send)
        return self._app(scope, receive, send)

    async def _crossing(self, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._records
        known = "*" in self._origins or origin in self._origins
        if not known and await self._registered(origin):
            chosen = _allowing(self._app, [origin])
        await chosen(scope, receive, send)


def _allowing(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=ASKED,
        expose_headers=ANSWERED,
        allow_credentials=False,
        max_age=SECONDS,
    )
