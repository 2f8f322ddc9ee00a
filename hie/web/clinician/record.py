"""The opened record: summary first, then timeline and results."""

from asyncio import gather
from typing import Any

from starlette.responses import HTMLResponse, Response

from hie.web import overview
from hie.web.choice import Choice
from hie.web.clinician import apps
from hie.web.clinician.opening import Opening
from hie.web.drawing import charts, places, sparklines
from hie.web.overview import Subject
from hie.web.record.timeline import years
from hie.web.signed_in import Reader
from hie.web.timeline_window import window

MOST_SERIES = 12


def _page(
    reader: Reader, opening: Opening, tab: str, subject: Subject, content: dict[str, Any]
) -> HTMLResponse:
    return reader.page(
        f"clinician/{tab}.html",
        {
            "tab": tab,
            "opening": opening,
            "subject": subject,
            "places": places(subject.institutions),
            "base": f"{reader.portal.home}/patient/{opening.patient}",
            **content,
        },
    )


async def summary(reader: Reader, opening: Opening) -> Response:
    """Problems, allergies, current medication, latest results."""
    subject, read, found, startable = await gather(
        overview.subject(reader.fhir, opening.patient),
        overview.overview(reader.fhir, opening.patient),
        overview.results(reader.fhir, opening.patient),
        apps.startable(reader),
    )
    newest = found.series[:MOST_SERIES]
    newest.sort(key=lambda series: not series.latest.value.flag)
    content = {"overview": read, "drawn": sparklines(newest), "apps": startable}
    return _page(reader, opening, "summary", subject, content)


async def timeline(reader: Reader, opening: Opening) -> Response:
    """One stretch of the timeline."""
    chosen = Choice.of(reader.request.query_params)
    subject, stretch = await gather(
        overview.subject(reader.fhir, opening.patient),
        window(
            reader.fhir,
            opening.patient,
            kinds=chosen.chosen_kinds,
            institution=chosen.institution,
            before=chosen.before,
        ),
    )
    content = {"chosen": chosen, "years": years(stretch.entries), "before": stretch.before}
    return _page(reader, opening, "timeline", subject, content)


async def results(reader: Reader, opening: Opening) -> Response:
    """All tests, or with `?test=` one of them."""
    test = reader.request.query_params.get("test", "")
    read = (
        overview.results_of_test(reader.fhir, opening.patient, test)
        if test
        else overview.results(reader.fhir, opening.patient)
    )
    subject, found = await gather(overview.subject(reader.fhir, opening.patient), read)
    drawn = charts(found.series) if test else sparklines(found.series)
    content = {"test": test, "drawn": drawn, "since": found.since}
    return _page(reader, opening, "results", subject, content)
