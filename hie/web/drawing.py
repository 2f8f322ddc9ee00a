"""What templates need beside the data itself: colours of institutions and charts of series."""

from collections.abc import Iterable

from hie.web.record.institution import Institution
from hie.web.record.trend import Chart, Series, chart

COLOURS = 6
"""`hie.css` has this many colours for institutions, `place-1` and on; `place-0` is grey."""


def places(institutions: Iterable[Institution]) -> dict[str, int]:
    """The number of the colour of each institution, by its code."""
    return {each.code: index % COLOURS + 1 for index, each in enumerate(institutions)}


def sparklines(series: Iterable[Series]) -> list[tuple[Series, Chart]]:
    """Each series with a small chart without axes."""
    return [(each, chart(each, 206, 46, axes=False)) for each in series]


def charts(series: Iterable[Series]) -> list[tuple[Series, Chart]]:
    """Each series with a chart for a whole page."""
    return [(each, chart(each, 720, 260)) for each in series]
