"""Searches on the whole district of the kinds that grow on other servers, and the table of growth.

Each is asked by one client with values drawn from the store. What stays is the point, not what is fast.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from http_client import each
from results import milliseconds, say
from search_mix import drawing
from stand import Server, metered

TIMES = 15
SLOW_MS = 2.0
"""What takes less than this everywhere is left out of the table."""

QUERIES = (
    # frequent and rare, together and excluding each other; the order of change
    "Observation?code={code}&status=amended&_sort=-_lastUpdated&_count=10",
    "Observation?code={code}&code={code2}&category=imaging&_count=10",
    "Observation?code={code},{code2}&category=laboratory&_count=10",
    "Observation?code=none&_sort=-_lastUpdated&_count=10",
    "Observation?_lastUpdated=gt2020-01-01&code=none&_count=10",
    "Observation?code:not={code}&_count=10",
    "Observation?value-quantity:missing=true&_count=10",
    # by date, in both directions
    "Observation?_sort=-date&_count=10",
    "Observation?code={code}&_sort=date&_count=10",
    "Observation?date=lt2025-01-20&_count=10",
    "Observation?date=ge2025-12-20&code={code}&_count=10",
    "Encounter?class=AMB&date=ge2025-03-01&date=lt2025-04-01&_sort=-date&_count=10",
    "Condition?code={condition}&onset-date=ge2025-06-01&_sort=onset-date&_count=10",
    # amounts
    "Observation?value-quantity=gt179.99&_count=10",
    "Observation?code={code}&value-quantity=gt{value}|http://unitsofmeasure.org|mmol/L&_count=10",
    # beyond references, one way and the other, in several steps
    "Observation?patient.gender=female&code={code}&_count=10",
    "Observation?patient.family={family}&_count=10",
    "Observation?patient.birthdate={birth}&code={code}&_count=10",
    "Observation?encounter.class=AMB&code={code}&_count=10",
    "Observation?encounter.date={day}&code={code}&_count=10",
    "Observation?encounter.subject:Patient.family={family}&code={code}&_count=10",
    "Observation?patient._has:Condition:patient:code={condition}&code={code}&_count=10",
    "Patient?_has:Observation:patient:code={code}&_count=10",
    "Patient?_has:Observation:patient:code=none&_count=10",
    "Patient?_has:Observation:patient:value-quantity=gt179.5&_count=10",
    "Patient?_has:Observation:patient:code={code}&_sort=family&_count=10",
    "Patient?_has:Encounter:patient:_has:Observation:encounter:code={code}&_count=10",
    "Patient?_has:Condition:patient:code={condition}&_has:Observation:patient:code={code}"
    "&gender=female&_count=10",
    "Encounter?_has:Observation:encounter:code={code}&date={day}&_count=10",
    # names
    "Patient?name=王&_count=10",
    "Patient?name=w&_count=10",
    "Patient?name:contains={given}&_count=10",
    "Patient?phonetic={family}&_count=10",
    "Patient?_sort=family&_count=10",
    "Patient?_sort=gender,-birthdate&_count=10",
    # several types, includes
    "?_type=Observation,Condition&code={code}&_count=10",
    "?_type=Observation,Encounter&_sort=-date&_count=10",
    "?_type=Observation,Condition,Encounter&patient.family={family}&_count=10",
    "Observation?code={code}&_include=Observation:encounter"
    "&_include:iterate=Encounter:subject&_count=10",
    # what has to look at all that it counts
    "Observation?code={code}&_total=accurate&_count=10",
    "Condition?code={condition}&subject.gender=female&_total=accurate&_count=10",
)

Figures = dict[str, dict[int, float]]
"""By query and number of residents: milliseconds."""


async def district_wide(
    server: Server, token: str, found: Mapping[str, Sequence[str]], residents: int
) -> dict[str, float]:
    """Every query some times; what one takes of the processors of server and PostgreSQL together."""
    taken = {}
    for query in QUERIES:
        draw = drawing(token, [query], found)
        done, used = await metered(server, each(server.port, [draw() for _ in range(TIMES)]))
        say(
            "district search",
            query=query,
            residents=residents,
            **milliseconds(done.times),
            **used,
            statuses=dict(done.statuses),
        )
        taken[query] = sum(used.values()) / 1000
    return taken


def medians(by_kind: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Milliseconds at p50 for each kind of search of the mix."""
    return {query: median(times) * 1000 for query, times in by_kind.items()}


def note(figures: Figures, residents: int, taken: Mapping[str, float]) -> None:
    """Add the figures of one size."""
    for query, value in taken.items():
        figures.setdefault(query, {})[residents] = round(value, 1)


def table(measure: str, figures: Figures) -> None:
    """A line for each query, what takes most at the last size first."""
    last = max((size for row in figures.values() for size in row), default=0)
    for query, row in sorted(figures.items(), key=lambda item: -item[1].get(last, 0)):
        if max(row.values()) >= SLOW_MS:
            say(measure, query=query, milliseconds=row)
