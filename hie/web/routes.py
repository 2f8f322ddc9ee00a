"""All pages. State needed: `request.app.state.exchange` (`hie.records.exchange.Exchange`)."""

from starlette.routing import BaseRoute, Mount, Route

from hie.records.exchange import Exchange
from hie.web import home
from hie.web.clinician.routes import routes as clinician_routes
from hie.web.oversight.routes import routes as oversight_routes
from hie.web.portal import PORTALS, register
from hie.web.resident.routes import routes as resident_routes
from hie.web.static_files import PortalFiles
from hie.web.steward.routes import routes as steward_routes

routes: list[BaseRoute] = [
    Route("/", home.home, methods=["GET"]),
    Route("/language/{language:str}", home.choose_language, methods=["GET"]),
    Route("/favicon.ico", home.icon, methods=["GET"]),
    *resident_routes,
    *clinician_routes,
    *steward_routes,
    *oversight_routes,
    *(Route(f"{portal.home}/{{rest:path}}", home.missing, methods=["GET"]) for portal in PORTALS),
    Mount("/static", PortalFiles()),
]


async def prepare(exchange: Exchange) -> None:
    """Register all portals as clients of the exchange. Run at every start: addresses may change."""
    async with exchange.store.database.connection() as connection:
        for portal in PORTALS:
            await register(connection, portal, exchange.settings.public_base_url)
