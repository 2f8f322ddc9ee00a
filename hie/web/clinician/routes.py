"""`/clinician`: sign-in, finding a patient, stating a reason, the record."""

from starlette.routing import BaseRoute, Route

from hie.web import sign_in
from hie.web.clinician import apps, find, opening, record
from hie.web.portal import CLINICIAN
from hie.web.signed_in import Page, sign_out, signed_in

PATIENT = "/clinician/patient/{id:str}"


def _route(path: str, page: Page, method: str = "GET") -> Route:
    return Route(path, signed_in(CLINICIAN, page), methods=[method])


routes: list[BaseRoute] = [
    _route("/clinician", find.page),
    _route("/clinician", find.search, "POST"),
    _route(PATIENT, opening.opened(record.summary)),
    _route(f"{PATIENT}/timeline", opening.opened(record.timeline)),
    _route(f"{PATIENT}/results", opening.opened(record.results)),
    _route(f"{PATIENT}/apps/{{client:str}}", opening.opened(apps.start)),
    _route(f"{PATIENT}/open", opening.open_record, "POST"),
    _route(f"{PATIENT}/sensitive", opening.confirm_sensitive, "POST"),
    _route(f"{PATIENT}/close", opening.close_record, "POST"),
    Route("/clinician/login", sign_in.begin(CLINICIAN), methods=["GET"]),
    Route("/clinician/callback", sign_in.come_back(CLINICIAN), methods=["GET"]),
    _route("/clinician/logout", sign_out, "POST"),
]
