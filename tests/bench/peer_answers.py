"""The questions that servers are compared by, and whether they answer them alike."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from bundles import Place, Values
from http_client import Request, each
from peer import Peer
from results import say

# {patient}, {code}, … are drawn anew for each question from what was sent.
QUERIES = (
    "Observation?patient={patient}&code={code}&_sort=-date&_count=50",
    "Observation?patient={patient}&_count=20",
    "Observation?patient={patient}&category=laboratory&date=ge{instant}&_count=500",
    "Observation?patient={patient}&code={code},{code2}&date=le{instant}&_count=500",
    "Observation?patient={patient}&value-quantity=gt{value}&_count=500",
    "Observation?patient={patient}&code:not={code}&_count=500",
    "Observation?patient={patient}&code:text={word}&_count=500",
    "Observation?patient={patient}&_summary=count",
    "Observation?patient={patient}&_include=Observation:encounter&_count=500",
    "Observation?encounter.class=AMB&patient={patient}&_count=500",
    "Observation?code={code}&date={day}&_count=500",
    "Observation?code=http://loinc.org|{code}&date={year}&_count=500",
    "Observation?code=http://loinc.org|{code}&_count=10",
    "Observation?code={code}&_sort=-date&_count=10",
    "Observation?code-value-quantity={code}$gt{value}&_count=500",
    "Observation?subject:Patient.family={family}&code={code}&_count=500",
    "Observation?_id={observation}&_include=Observation:subject",
    "Patient?identifier={identifier}",
    "Patient?family={family}",
    "Patient?name={prefix}",
    "Patient?family={family}&given={given}&birthdate={birth}",
    "Patient?birthdate={birth}",
    "Patient?gender=female&birthdate=ge1980-01-01&_count=100",
    "Patient?_has:Observation:patient:code={code}&family={family}",
    "Patient?_has:Condition:subject:code={condition}&_count=100",
    "Patient?_id={patient}&_revinclude=Condition:subject",
    "Condition?patient={patient}&_sort=-onset-date&_count=500",
    "Condition?code={condition}&_count=500",
    "Condition?patient={patient}&clinical-status=active&_count=500",
    "Encounter?patient={patient}&date=ge{instant}&_count=500",
    "Encounter?class=AMB&date={year}&_count=500",
    "Procedure?patient={patient}&_count=500",
    "MedicationRequest?patient={patient}&status=active&_count=500",
    "Immunization?patient={patient}&_total=accurate&_count=500",
    "DiagnosticReport?patient={patient}&_include=DiagnosticReport:result&_count=500",
    "Patient/{patient}/Observation?code={code}&_count=500",
)
OWN = Place(-1, -1)
"""Where a resource came from that the server was not sent."""
EVERYTHING = "Patient/{patient}/$everything?_count=1000"
NEWEST = QUERIES[0]


class Found(NamedTuple):
    """What a server answered, told by where the resources came from.

    Of a page that is not the last only the number of matches counts: which come first is the
    server's choice. https://hl7.org/fhir/R4/search.html#count
    """

    status: int
    matches: int = 0
    included: int = 0
    total: int | None = None
    places: frozenset[Place] = frozenset()


def asked(peer: Peer, query: str, values: Values) -> bytes:
    """The question as this server is asked it."""
    names = {name: peer.ids[place] for name, place in values.places.items()}
    path = query.format(**names, **values.texts)
    return peer.request("GET", f"/{path}", bundle=values.bundle)


def found(status: int, body: bytes, query: str, places: Mapping[str, Place]) -> Found:
    """An answer in terms that servers can be compared by; `places` by id."""
    if status != 200:
        return Found(status)
    bundle = orjson.loads(body)
    modes: dict[str, list[str]] = {"match": [], "include": []}
    for entry in bundle.get("entry", ()):
        mode = entry.get("search", {}).get("mode", "match")
        # What a server has to say about the search is none of its results.
        if mode in modes:
            modes[mode].append(entry["resource"]["id"])
    total = bundle.get("total") if "_summary=count" in query or "_total" in query else None
    if any(link["relation"] == "next" for link in bundle.get("link", ())):
        return Found(status, len(modes["match"]), 0, total)
    named = frozenset(places.get(one, OWN) for one in (*modes["match"], *modes["include"]))
    if query == EVERYTHING:  # what of a record is a match, R4 does not say
        return Found(status, len(named), 0, total, named)
    return Found(status, len(modes["match"]), len(modes["include"]), total, named)


async def answers(
    peers: Sequence[Peer], query: str, drawn: Iterable[Values]
) -> list[dict[str, Found]]:
    """What each server answers to the same questions."""
    given: list[dict[str, Found]] = [{} for _ in drawn]
    for peer in peers:
        places = {identifier: place for place, identifier in peer.ids.items()}
        for values, row in zip(drawn, given, strict=True):

            def answered(status: int, _: bytes, body: bytes, row: dict[str, Found] = row) -> None:
                row[peer.name] = found(status, body, query, places)  # noqa: B023 - asked at once

            await each(peer.port, [Request(asked(peer, query, values), answered)])
    return given


def _told(one: Found, row: Mapping[str, Found]) -> dict[str, object]:
    """An answer in numbers, with three resources that not every server has."""
    whole = [other.places for other in row.values() if other.places]
    extra = sorted(one.places - frozenset.intersection(*whole)) if len(whole) > 1 else []
    return {**one._asdict(), "places": [f"{place.bundle}/{place.entry}" for place in extra[:3]]}


async def alike(peers: Sequence[Peer], drawn: Sequence[Values]) -> list[str]:
    """The queries to which all servers give the same answers; every difference is printed."""
    agreed = []
    queries = (*QUERIES, EVERYTHING)
    for query in queries:
        rows = await answers(peers, query, drawn)
        different = [row for row in rows if len(set(row.values())) > 1]
        if not different and all(one.status == 200 for one in rows[0].values()):
            agreed.append(query)
        elif different:
            row = different[0]
            say(
                "different answers",
                query=query,
                asked=len(rows),
                different=len(different),
                first={name: _told(one, row) for name, one in row.items()},
            )
        else:
            statuses = {name: one.status for name, one in rows[0].items()}
            say("no server answers", query=query, statuses=statuses)
    say("alike", queries=len(queries), answered_alike=len(agreed), by=[peer.name for peer in peers])
    return agreed
