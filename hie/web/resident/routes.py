"""`/resident`: sign-in, timeline, results, who looked, who may see what, personal data."""

from asyncio import gather

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hie.web import overview, sign_in
from hie.web.choice import Choice
from hie.web.drawing import charts, places, sparklines
from hie.web.portal import RESIDENT
from hie.web.record.timeline import years
from hie.web.resident import family, log, sharing
from hie.web.signed_in import Reader, sign_out, signed_in
from hie.web.timeline_window import window


async def timeline(reader: Reader) -> Response:
    """One stretch of the lifelong timeline, below what is to be known at once."""
    chosen = Choice.of(reader.request.query_params)
    subject, summary, stretch = await gather(
        overview.subject(reader.fhir, reader.patient),
        overview.overview(reader.fhir, reader.patient),
        window(
            reader.fhir,
            reader.patient,
            kinds=chosen.chosen_kinds,
            institution=chosen.institution,
            before=chosen.before,
        ),
    )
    content = {
        "tab": "timeline",
        "subject": subject,
        "places": places(subject.institutions),
        "overview": summary,
        "chosen": chosen,
        "years": years(stretch.entries),
        "before": stretch.before,
    }
    return reader.page("resident/timeline.html", content)


async def results(reader: Reader) -> Response:
    """All tests with their trends, or with `?test=` one test with its chart and table."""
    test = reader.request.query_params.get("test", "")
    read = (
        overview.results_of_test(reader.fhir, reader.patient, test)
        if test
        else overview.results(reader.fhir, reader.patient)
    )
    subject, found = await gather(overview.subject(reader.fhir, reader.patient), read)
    content = {
        "tab": "results",
        "subject": subject,
        "places": places(subject.institutions),
        "test": test,
        "drawn": charts(found.series) if test else sparklines(found.series),
        "since": found.since,
    }
    return reader.page("resident/results.html", content)


async def about(reader: Reader) -> Response:
    """Personal data with masked numbers, and the institutions that hold records."""
    subject = await overview.subject(reader.fhir, reader.patient)
    content = {"tab": "about", "subject": subject, "places": places(subject.institutions)}
    return reader.page("resident/about.html", content)


routes: list[BaseRoute] = [
    Route("/resident", signed_in(RESIDENT, timeline), methods=["GET"]),
    Route("/resident/results", signed_in(RESIDENT, results), methods=["GET"]),
    Route("/resident/about", signed_in(RESIDENT, about), methods=["GET"]),
    Route("/resident/log", signed_in(RESIDENT, log.page), methods=["GET"]),
    Route("/resident/sharing", signed_in(RESIDENT, sharing.page), methods=["GET"]),
    Route("/resident/sharing", signed_in(RESIDENT, sharing.restrict), methods=["POST"]),
    Route("/resident/sharing/lift", signed_in(RESIDENT, sharing.lift), methods=["POST"]),
    Route("/resident/sharing/code", signed_in(RESIDENT, sharing.visit_code), methods=["POST"]),
    Route("/resident/family", signed_in(RESIDENT, family.page), methods=["GET"]),
    Route("/resident/family/open", signed_in(RESIDENT, family.open_other), methods=["POST"]),
    Route("/resident/family/invite", signed_in(RESIDENT, family.invite), methods=["POST"]),
    Route("/resident/family/look", signed_in(RESIDENT, family.look), methods=["POST"]),
    Route("/resident/family/accept", signed_in(RESIDENT, family.accept), methods=["POST"]),
    Route("/resident/family/end", signed_in(RESIDENT, family.end), methods=["POST"]),
    Route("/resident/login", sign_in.begin(RESIDENT), methods=["GET"]),
    Route("/resident/callback", sign_in.come_back(RESIDENT), methods=["GET"]),
    Route("/resident/logout", signed_in(RESIDENT, sign_out), methods=["POST"]),
]
