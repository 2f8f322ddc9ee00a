"""Composition root of the web server: opens the exchange and mounts every router. Nothing else.

ASGI lifespan: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from hie.auth.routes import routes as auth_routes
from hie.kit import postgres
from hie.kit.protective_headers import ProtectiveHeaders
from hie.records.exchange import Exchange, open_exchange
from hie.rest.audit_roots import routes as audit_routes
from hie.rest.compression import Compression
from hie.rest.cross_origin import CrossOrigin
from hie.rest.request_identity import RequestIdentity
from hie.rest.routes import fhir_routes
from hie.settings import Settings, settings
from hie.web.routes import prepare as prepare_portals
from hie.web.routes import routes as web_routes


def mount(application: FastAPI, used: Settings) -> None:
    """Mount all routes; the FHIR base comes last, because it answers everything below `/fhir`.

    What is added last is passed first.
    """
    application.add_middleware(Compression)
    application.add_middleware(CrossOrigin, origins=used.origins)
    application.add_middleware(RequestIdentity)
    application.add_middleware(ProtectiveHeaders, https=used.public_base_url.startswith("https:"))
    application.router.routes.extend([*auth_routes, *audit_routes, *web_routes, *fhir_routes()])


def application_on(exchange: Exchange) -> FastAPI:
    """The application on an exchange that the caller opened and will close."""
    application = FastAPI(title="hie", openapi_url=None, docs_url=None, redoc_url=None)
    application.state.exchange = exchange
    mount(application, exchange.settings)
    return application


def application(chosen: Settings | None = None) -> FastAPI:
    """The application that opens its exchange when the server starts it; a factory for Granian."""
    used = chosen or settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_exchange(used, postgres.conninfo(used)) as exchange:
            await prepare_portals(exchange)
            app.state.exchange = exchange
            yield

    app = FastAPI(title="hie", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    mount(app, used)
    return app
