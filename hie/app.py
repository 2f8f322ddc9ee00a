"""Composition root of the web server: opens the exchange and mounts every router. Nothing else.

ASGI lifespan: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from hie.auth.clients import is_registered_origin
from hie.auth.routes import routes as auth_routes
from hie.kit import collection, postgres, redaction
from hie.kit.protective_headers import ProtectiveHeaders
from hie.kit.proxies import TrustedProxies, networks
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.rest.audit_roots import routes as audit_routes
from hie.rest.cross_origin import CrossOrigin
from hie.rest.elsewhere import elsewhere
from hie.rest.request_identity import RequestIdentity
from hie.rest.routes import fhir_route
from hie.settings import Settings, settings
from hie.web.routes import prepare as prepare_portals
from hie.web.routes import routes as web_routes


class Application(FastAPI):
    """All routes. Requests to the FHIR interface do not pass the framework's own middleware, which

    costs more than most of them do in PostgreSQL (`docs/decisions/0011-reads.md`). What is put
    around `_serve` here is put around everything; what is named first is passed first.
    """

    def __init__(
        self,
        used: Settings,
        lifespan: Callable[[Any], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        super().__init__(
            title="hie",
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            lifespan=lifespan,
            exception_handlers={404: elsewhere},
        )
        self._fhir = fhir_route()
        self.router.routes.extend([self._fhir, *auth_routes, *audit_routes, *web_routes])
        crossing = CrossOrigin(self._serve, origins=used.origins, registered=self._is_registered)
        around: ASGIApp = ProtectiveHeaders(
            RequestIdentity(crossing),
            https=used.public_base_url.startswith("https:"),
        )
        trusted = networks(used.trusted_proxies)
        self._outermost = TrustedProxies(around, trusted=trusted) if trusted else around

    async def _is_registered(self, origin: str) -> bool:
        return await is_registered_origin(self.state.exchange.store.database, origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._outermost(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._fhir.serves(scope["path"]):
            scope["app"] = self
            scope["exchange"] = self.state.exchange
            await self._fhir.handle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def application_on(exchange: Exchange) -> Application:
    """The application on an exchange that the caller opened and will close."""
    made = Application(exchange.settings)
    made.state.exchange = exchange
    return made


def application(chosen: Settings | None = None) -> Application:
    """The application that opens its exchange when the server starts it; a factory for Granian."""
    used = chosen or settings()
    redaction.install()

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        async with open_exchange(used, postgres.conninfo(used)) as exchange:
            await prepare_portals(exchange)
            app.state.exchange = exchange
            collection.settle()
            yield

    return Application(used, lifespan)
