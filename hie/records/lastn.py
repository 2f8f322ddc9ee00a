"""The newest Observations of each code. https://hl7.org/fhir/R4/observation-operation-lastn.html

Codes are one group if they share a coding, also by way of a third; a code without codings is grouped
by its text. Observations of the same moment as the last one of a group come along with it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import problem
from hie.fhir.dates import EARLIEST, date_range, period_range
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.mpi.people import linked
from hie.records.bundle import Link, bundle, found, with_parameters
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import presentation
from hie.records.present import partly
from hie.search.execute import execute
from hie.search.parse import LARGEST_COUNT, parse
from hie.search.query import Query
from hie.search.rewrite.people import expand, patient_ids
from hie.store.read import Row

MOST = 20_000
"""A person with more Observations that match than this is asked about in parts."""
SUBJECTS = frozenset(("patient", "subject"))
CODES = frozenset(
    (
        *("category", "code", "combo-code", "component-code", "code-value-concept"),
        *("code-value-date", "code-value-quantity", "code-value-string"),
        *("combo-code-value-concept", "combo-code-value-quantity"),
        *("component-code-value-concept", "component-code-value-quantity"),
    )
)


class _Coding(msgspec.Struct):
    system: str | None = None
    code: str | None = None


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str | None = None


class _Observation(msgspec.Struct, rename="camel"):
    code: _Concept
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: dict[str, object] | None = None

    def moment(self) -> datetime:
        """When it was, for telling the newest: the end of a time that has one."""
        text = self.effective_date_time or self.effective_instant
        if text is not None:
            return date_range(text).low
        period = period_range(self.effective_period) if self.effective_period else None
        return period.low if period else EARLIEST


_decoder = msgspec.json.Decoder(_Observation)


def _groups(concepts: Sequence[_Concept]) -> list[int]:
    """The group of each concept, as the place of one of its members."""
    leader = list(range(len(concepts)))

    def top(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    first: dict[object, int] = {}
    for place, concept in enumerate(concepts):
        names: list[object] = [(c.system, c.code) for c in concept.coding if c.code]
        for name in names or [concept.text]:
            leader[top(place)] = top(first.setdefault(name, place))
    return [top(place) for place in range(len(concepts))]


def newest(observations: Sequence[_Observation], most: int) -> list[int]:
    """The places of the newest `most` of each group, newest first."""
    moments = [observation.moment() for observation in observations]
    groups = _groups([observation.code for observation in observations])
    taken: dict[int, list[datetime]] = {}
    chosen: list[int] = []
    for place in sorted(range(len(observations)), key=lambda n: moments[n], reverse=True):
        group = taken.setdefault(groups[place], [])
        if len(group) < most or group[-1] == moments[place]:
            group.append(moments[place])
            chosen.append(place)
    return chosen


async def lastn(
    exchange: Exchange,
    caller: Caller,
    pairs: Sequence[tuple[str, str]],
    *,
    most: int,
    subset: Subset = WHOLE,
) -> bytes:
    """A searchset Bundle of the newest `most` of each code among those that `pairs` select.

    Problem 403 without the scope; 400 without a subject, without a category or code, or for a
    parameter that cannot be understood; 422 if more than `MOST` would have to be looked at.
    """
    require(caller, "s", "Observation")
    names = {name.partition(":")[0].partition(".")[0] for name, value in pairs if value}
    if not names & SUBJECTS or not names & CODES:
        raise problem(
            400,
            "required",
            "$lastn needs a patient or subject, and a category or code",
            "$lastn 需要 patient 或 subject，以及 category 或 code",
            "patient" if not names & SUBJECTS else "code",
        )
    query = parse("Observation", [*pairs, ("_count", str(LARGEST_COUNT))])
    members = await linked(exchange.store.database, patient_ids(query))
    rows = await _matching(exchange, caller, expand(query, members))
    expanded = exchange.store.bodies.expand
    bodies = [expanded(row.dictionary, row.body or b"") for row in rows]
    chosen = newest([_decoder.decode(body) for body in bodies], most)
    present = partly(await presentation(exchange.store.database, caller), subset)
    base = exchange.settings.fhir_base
    entries = [
        found(base, "Observation", rows[n].id, present("Observation", bodies[n]), "match")
        for n in chosen
    ]
    address = with_parameters(
        f"{base}/Observation/$lastn", [*pairs, ("max", str(most)), *subset.parameters()]
    )
    await disclosed(
        *(exchange, caller, "lastn", "Observation"),
        rows=[rows[n] for n in chosen],
        query=address.removeprefix(f"{base}/"),
    )
    links = [Link("self", address)]
    return bundle("searchset", entries, links=links, total=len(chosen), moment=now())


async def _matching(exchange: Exchange, caller: Caller, query: Query) -> list[Row]:
    rows: list[Row] = []
    cursor: str | None = None
    async with exchange.store.database.connection() as connection:
        while True:
            page = await execute(
                connection, exchange.store, query, restriction(caller, "s"), cursor
            )
            rows += page.matches
            cursor = page.next
            if cursor is None:
                return rows
            if len(rows) > MOST:
                raise problem(
                    422,
                    "too-costly",
                    f"More than {MOST} Observations match; narrow by date or code",
                    f"匹配的 Observation 超过 {MOST} 条，请限定日期或代码",
                    "date",
                )
