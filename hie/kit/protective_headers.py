"""Headers that every answer carries, whoever made it. https://owasp.org/www-project-secure-headers/

What an endpoint has set itself stays. Written as plain ASGI, because it is on every request's way.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (b"server", b"hie"),
)
"""An answer that is no page loads nothing and stands in no frame. Which software serves, and which
version of it, is nobody's business."""
ONLY_HTTPS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""https://www.rfc-editor.org/rfc/rfc6797; for as long as the address is an https address."""


class ProtectiveHeaders:
    """Adds to each answer the headers that it lacks."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = (*ALWAYS, ONLY_HTTPS) if https else ALWAYS

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass everything on."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        def with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                present = dict(headers)
                missing = [one for one in self._headers if one[0] not in present]
                message["headers"] = [*headers, *missing]
            return send(message)

        return self._app(scope, receive, with_headers)
