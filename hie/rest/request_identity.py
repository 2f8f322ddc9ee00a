"""Each request has an id, in the answer and in the audit trail. https://hl7.org/fhir/R4/http.html#custom

The caller's own `X-Request-Id` is taken if it is short and printable, else one is made; his
`X-Correlation-Id` comes back as it was sent.
"""

import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hie.kit.ids import new_id

HEADER = b"x-request-id"
CORRELATION = b"x-correlation-id"
ACCEPTABLE = re.compile(rb"[\x21-\x7e]{1,128}")


class RequestIdentity:
    """Puts the id into the scope, as `request_id`, and into the answer's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass everything on; only requests below the FHIR base get an id."""
        if not scope.get("path", "").startswith("/fhir"):
            return self._app(scope, receive, send)
        headers = dict(reversed(scope["headers"]))
        sent = headers.get(HEADER)
        if sent is not None and ACCEPTABLE.fullmatch(sent):
            scope["request_id"], identity = sent.decode(), sent
        else:
            scope["request_id"] = made = new_id()
            identity = made.encode()

        added = [(HEADER, identity)]
        if ACCEPTABLE.fullmatch(headers.get(CORRELATION, b"")):
            added.append((CORRELATION, headers[CORRELATION]))

        def with_identity(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            return send(message)

        return self._app(scope, receive, with_identity)
