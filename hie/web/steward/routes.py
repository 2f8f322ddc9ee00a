"""`/steward`: sign-in, the queue, pairs and second opinions."""

from starlette.routing import BaseRoute, Route

from hie.web import sign_in
from hie.web.number import NUMBER
from hie.web.portal import STEWARD
from hie.web.signed_in import Page, sign_out, signed_in
from hie.web.steward import pair, queue

REVIEW = f"/steward/review/{NUMBER}"
SECOND = f"/steward/second/{NUMBER}"


def _route(path: str, page: Page, method: str = "GET") -> Route:
    return Route(path, signed_in(STEWARD, page), methods=[method])


routes: list[BaseRoute] = [
    _route("/steward", queue.page),
    _route(REVIEW, pair.page),
    _route(REVIEW, pair.decide, "POST"),
    _route("/steward/second", pair.second_list),
    _route(SECOND, pair.second_page),
    _route(SECOND, pair.second_opinion, "POST"),
    Route("/steward/login", sign_in.begin(STEWARD), methods=["GET"]),
    Route("/steward/callback", sign_in.come_back(STEWARD), methods=["GET"]),
    _route("/steward/logout", sign_out, "POST"),
]
