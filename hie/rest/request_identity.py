"""Each request has an id, in the answer and in the audit trail. https://hl7.org/fhir/R4/http.html#custom

The caller's own `X-Request-Id` is taken if it is short and printable, else one is made.
"""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hie.kit.ids import new_id

HEADER = b"x-request-id"
ACCEPTABLE = re.compile(rb"[\x21-\x7e]{1,128}")


class RequestIdentity:
    """Puts the id into the scope, as `request_id`, and into the answer's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only requests below the FHIR base get an id."""
        if not scope.get("path", "").startswith("/fhir"):
            await self._app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == HEADER), b"")
        identity = sent if ACCEPTABLE.fullmatch(sent) else new_id().encode()
        scope["request_id"] = identity.decode()

        async def with_identity(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, identity)]
            await send(message)

        await self._app(scope, receive, with_identity)
