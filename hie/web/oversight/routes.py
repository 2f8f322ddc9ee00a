"""`/reviewer` and `/auditor`: sign-in, the queue of emergencies, the trail, and explanations."""

from starlette.routing import BaseRoute, Route

from hie.web import sign_in
from hie.web.number import NUMBER
from hie.web.oversight import emergencies, explanation, trail
from hie.web.portal import AUDITOR, REVIEWER, Portal
from hie.web.signed_in import Page, sign_out, signed_in

EMERGENCY = f"/reviewer/emergency/{NUMBER}"


def _route(portal: Portal, path: str, page: Page, method: str = "GET") -> Route:
    return Route(path, signed_in(portal, page), methods=[method])


def _doors(portal: Portal) -> list[BaseRoute]:
    return [
        Route(f"{portal.home}/login", sign_in.begin(portal), methods=["GET"]),
        Route(f"{portal.home}/callback", sign_in.come_back(portal), methods=["GET"]),
        _route(portal, f"{portal.home}/logout", sign_out, "POST"),
    ]


routes: list[BaseRoute] = [
    _route(REVIEWER, "/reviewer", emergencies.page),
    _route(REVIEWER, EMERGENCY, emergencies.one),
    _route(REVIEWER, EMERGENCY, emergencies.close, "POST"),
    _route(AUDITOR, "/auditor", trail.page),
    _route(AUDITOR, "/auditor/explain", explanation.page),
    *_doors(REVIEWER),
    *_doors(AUDITOR),
]
