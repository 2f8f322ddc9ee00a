"""A mix of searches of every kind, with values drawn from the store, and a patient's own two questions."""

import random
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

import orjson
from http_client import Request, closed_loop, each, request
from results import milliseconds, say
from stand import Server, Stand, metered

from hie.fhir.definitions import type_number
from hie.store.open import open_store

SAMPLE = """
SELECT r.dictionary, r.body, g.id FROM store.resource r JOIN mpi.registration g USING (patient_key)
WHERE r.type = %s AND r.institution <> 0 ORDER BY random() LIMIT 200
"""
CLIENTS = 8
SECONDS = 10.0
SEARCHES = 300

# {patient}, {code}, … are drawn anew for each search from what is stored.
QUERIES = (
    "Observation?patient={patient}&code={code}&_sort=-date&_count=50",
    "Observation?patient={patient}&_count=20",
    "Observation?patient={patient}&category=laboratory&date=ge{day}",
    "Observation?patient={patient}&code={code},{code2}&date=le{day}",
    "Observation?patient={patient}&_lastUpdated=gt2020-01-01&_count=10",
    "Observation?patient={patient}&value-quantity=gt{value}",
    "Observation?patient={patient}&code:not={code}&_count=20",
    "Observation?code={code}&date={day}",
    "Observation?code=http://loinc.org|{code}&_count=10",
    "Observation?code={code}&_sort=-date&_count=10",
    "Observation?code-value-quantity={code}$gt{value}&_count=10",
    "Observation?subject:Patient.family={family}&code={code}&_count=10",
    "Observation?encounter.class=AMB&patient={patient}&_count=10",
    "Observation?patient={patient}&_include=Observation:encounter&_count=10",
    "Observation?_id={observation}",
    "Observation?_id={observation}&_include=Observation:subject",
    "Patient?identifier={identifier}",
    "Patient?family={family}&_count=10",
    "Patient?name={prefix}&_count=10",
    "Patient?family={family}&given={given}&birthdate={birth}",
    "Patient?birthdate={birth}",
    "Patient?gender=female&birthdate=ge1980-01-01&_count=10",
    "Patient?_has:Observation:patient:code={code}&family={family}&_count=10",
    "Patient?_id={patient}&_revinclude=Condition:subject",
    "Patient?_has:Condition:subject:code={condition}&_count=10",
    "Condition?patient={patient}&_sort=-onset-date",
    "Condition?code={condition}&_count=10",
    "Condition?patient={patient}&clinical-status=active",
    "Encounter?patient={patient}&date=ge{day}",
    "Encounter?patient={patient}&_revinclude=Observation:encounter&_count=5",
    "Encounter?class=AMB&date={day}&_count=10",
    "Procedure?patient={patient}&_count=10",
    "MedicationRequest?patient={patient}&status=active",
    "MedicationRequest?patient={patient}&_include=MedicationRequest:encounter",
    "Immunization?patient={patient}&_total=accurate",
    "DiagnosticReport?patient={patient}&_include=DiagnosticReport:result&_count=3",
    "Patient/{patient}/Observation?code={code}",
    "Patient/{patient}/$everything?_count=50",
    "Observation?patient={patient}&_summary=count",
    "Observation?code:text={word}&patient={patient}",
)


async def values(stand: Stand) -> Mapping[str, Sequence[str]]:
    """Values to draw from, out of stored resources."""
    found: dict[str, list[str]] = {"day": [], "value": [], "word": []}

    def note(name: str, value: object) -> None:
        if value is not None:
            found.setdefault(name, []).append(quote(str(value), safe=""))

    async with open_store(stand.conninfo, size=1) as store:
        for kind in ("Observation", "Patient", "Condition"):
            for dictionary, body, source in stand.rows(SAMPLE, type_number(kind)):
                one = orjson.loads(store.bodies.expand(int(str(dictionary)), bytes(body)))  # type: ignore[arg-type]
                note("patient", source)
                if kind == "Observation":
                    note("observation", one["id"])
                    code = one["code"]["coding"][0]
                    note("code", code["code"])
                    note("word", (code.get("display") or "a").split()[0])
                    note("day", str(one.get("effectiveDateTime", "2015-01-01"))[:10])
                    note("value", one.get("valueQuantity", {}).get("value"))
                elif kind == "Condition":
                    note("condition", one["code"].get("coding", [{}])[0].get("code"))
                else:
                    name = one["name"][0]
                    family = name.get("family", name.get("text", "")[:1])
                    note("family", family)
                    note("prefix", family[:3])
                    note("given", name.get("given", [name.get("text", "")[1:]])[0])
                    note("birth", one["birthDate"])
                    note("identifier", one["identifier"][0]["value"])
    found["code2"] = found["code"]
    return found


def drawing(
    token: str, queries: Sequence[str], found: Mapping[str, Sequence[str]]
) -> Callable[[], Request]:
    """Draws a query, and a value for each of its places."""

    def draw() -> Request:
        query = random.choice(queries)
        path = query.format_map({name: random.choice(listed) for name, listed in found.items()})
        return Request(request(token, "GET", f"/fhir/{path}"), None, query)

    return draw


async def searches(
    server: Server, token: str, found: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[float]]:
    """The mix with 8 clients; the response times of each kind of search."""
    draw = drawing(token, QUERIES, found)
    running = closed_loop(server.port, draw, clients=CLIENTS, seconds=SECONDS)
    done, used = await metered(server, running)
    assert set(done.statuses) == {200}, done.statuses
    say(
        "search mix",
        queries=len(QUERIES),
        clients=CLIENTS,
        per_second=round(done.per_second),
        **milliseconds(done.times),
        **used,
    )
    slowest = sorted(done.by_kind.items(), key=lambda item: -sorted(item[1])[len(item[1]) // 2])
    for query, times in slowest[:5]:
        say("search mix, slowest kinds", query=query, asked=len(times), **milliseconds(times))
    return done.by_kind


async def patient_centred(
    server: Server, token: str, found: Mapping[str, Sequence[str]], residents: int
) -> None:
    """What must not grow with the district: one client, one patient at a time."""
    for measure, query in (
        ("patient search", QUERIES[0]),
        ("everything", "Patient/{patient}/$everything"),
    ):
        draw = drawing(token, [query], found)
        done, used = await metered(server, each(server.port, [draw() for _ in range(SEARCHES)]))
        assert set(done.statuses) == {200}, done.statuses
        say(measure, residents=residents, asked=SEARCHES, **milliseconds(done.times), **used)
