"""`Patient/$match` and PDQm's cases of ITI-119: https://profiles.ihe.net/ITI/PDQm/ITI-119.html"""

from typing import Any

import orjson
import pytest
from tests_rest_samples import patient

from hie.demo.population import check_character
from hie.fhir.validation import validate
from hie.mpi.people import person_of
from hie.records import identify

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
CARD = "99010119900307001"
CARD += check_character(CARD)
OTHER_CARD = "99010119900307005"
OTHER_CARD += check_character(OTHER_CARD)
NUMBER = [{"system": "urn:oid:2.16.156.10011.1.3", "value": CARD}]
CLINICIAN: dict[str, Any] = {
    "institution": "A",
    "scopes": "user/Patient.rs",
    "account": "li.jing",
    "roles": ("clinician",),
}
DESCRIBED = {
    "resourceType": "Patient",
    "identifier": NUMBER,
    "name": [{"text": "欧阳明远"}],
    "birthDate": "1990-03-07",
    "gender": "male",
    "telecom": [{"system": "phone", "value": "19900000001"}],
}


def asked(resource: dict[str, Any] | None = None, **values: Any) -> bytes:
    given: list[dict[str, Any]] = [{"name": "resource", "resource": resource or DESCRIBED}]
    for name, value in values.items():
        kind = "valueBoolean" if isinstance(value, bool) else "valueInteger"
        given.append({"name": name, kind: value})
    return orjson.dumps({"resourceType": "Parameters", "parameter": given})


def grades(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (e["resource"]["id"], e["search"]["extension"][0]["valueCode"])
        for e in bundle.get("entry", [])
    ]


@pytest.fixture
async def people(client, exchange) -> dict[str, str]:
    """One resident at two institutions (a at A, b at B), and a namesake born that day (c at C)."""
    for code, extra in (
        ("a", {"card": CARD, "phone": "19900000001"}),
        ("b", {"card": CARD}),
        ("c", {"card": OTHER_CARD, "phone": "19900000003"}),
    ):
        sender = await client("institution", institution=code.upper())
        body = patient(code, "欧阳明远", institution=code.upper(), number=code, **extra)
        assert (await sender.put(f"/Patient/{code}", content=body)).status_code == 201
    async with exchange.store.database.connection() as connection:
        return await person_of(connection, ["a", "b", "c"])


async def test_a_clinician_sees_graded_golden_records_best_first(client, people) -> None:
    assert people["a"] == people["b"] != people["c"]
    clinician = await client("staff", **CLINICIAN)
    found = (await clinician.post("/Patient/$match", content=asked())).json()
    assert validate(found) == []
    assert found["type"] == "searchset"
    assert found["total"] == len(found["entry"]) == 2
    assert [id_ for id_, _ in grades(found)] == [people["a"], people["c"]]
    assert grades(found)[0][1] == "certain"
    scores = [entry["search"]["score"] for entry in found["entry"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.99
    assert found["entry"][0]["search"]["extension"][0]["url"] == GRADE
    assert found["entry"][0]["fullUrl"].endswith(f"/fhir/Patient/{people['a']}")
    assert found["entry"][0]["resource"]["name"][0]["text"] == "欧阳明远"


async def test_the_cases_of_iti_119(client, people) -> None:
    clinician = await client("staff", **CLINICIAN)

    async def match(content: bytes) -> dict[str, Any]:
        answer = await clinician.post("/Patient/$match", content=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    bare = await match(orjson.dumps(DESCRIBED))  # case 1: the Patient without Parameters
    assert grades(bare) == grades(await match(asked()))
    one = await match(asked(count=1))  # case 6
    assert grades(one) == grades(bare)[:1]
    certain = await match(asked(onlyCertainMatches=True))  # case 3
    assert grades(certain) == [(people["a"], "certain")]
    namesake = {k: v for k, v in DESCRIBED.items() if k not in ("telecom", "identifier")}
    unsure = await match(asked(namesake, onlyCertainMatches=True))  # cases 4 and 5
    assert grades(unsure) == []
    assert len(grades(await match(asked(namesake)))) == 2  # case 2
    stranger = {**DESCRIBED, "name": [{"text": "司马青"}], "birthDate": "1961-12-24"}
    del stranger["telecom"], stranger["identifier"]
    none = await match(asked(stranger))  # case 7
    assert grades(none) == []
    assert none["total"] == 0


async def test_an_institution_sees_ids_and_its_own_records(client, people) -> None:
    for code, own in (("A", ["a"]), ("B", ["b"]), ("D", [])):
        sender = await client("institution", institution=code)
        found = (await sender.post("/Patient/$match", content=asked())).json()
        assert validate(found) == []
        first = found["entry"][0]["resource"]
        assert first["id"] == people["a"]
        linked = [link["other"]["reference"] for link in first.get("link", [])]
        assert linked == [f"Patient/{id_}" for id_ in own]
        assert set(first) <= {"resourceType", "id", "meta", "link"}
        # Of somebody whom it does not know, a mere possibility is not told.
        assert people["c"] not in [id_ for id_, grade in grades(found) if grade == "possible"]


@pytest.mark.parametrize(
    ("description", "status"),
    [
        ({"name": [{"text": "欧阳明远"}]}, 422),
        ({"birthDate": "1990-03-07"}, 422),
        ({"name": [{"text": "欧阳明远"}], "birthDate": "1990-03-07"}, 422),
        ({"name": [{"text": "欧阳明远"}], "birthDate": "1990", "gender": "male"}, 422),
        ({"telecom": [{"system": "phone", "value": "19900000001"}]}, 422),
        ({"identifier": NUMBER}, 422),
        ({"name": "欧阳明远"}, 422),
        ({"resourceType": "Person"}, 400),
    ],
)
async def test_who_is_not_described_is_not_found(client, people, description, status) -> None:
    clinician = await client("staff", **CLINICIAN)
    resource = {"resourceType": "Patient", **description}
    answer = await clinician.post("/Patient/$match", content=asked(resource))
    assert answer.status_code == status
    assert people["a"] not in answer.text


async def test_bad_parameters_are_refused(client) -> None:
    clinician = await client("staff", **CLINICIAN)
    for content in (
        asked(count=0),
        asked(fuzzy=True),
        orjson.dumps({"resourceType": "Parameters"}),
        b"[]",
        b"{",
        orjson.dumps(
            {"resourceType": "Parameters", "parameter": [{"name": "count", "valueString": "1"}]}
        ),
    ):
        assert (await clinician.post("/Patient/$match", content=content)).status_code == 400


async def test_who_may_not_search_patients_may_not_match(client, people) -> None:
    resident = await client("resident", scopes="patient/*.rs", patient=people["a"])
    staff = await client("staff", **{**CLINICIAN, "scopes": "user/Observation.rs"})
    app = await client("staff", **{**CLINICIAN, "scopes": "patient/*.rs"}, patient=people["a"])
    for caller in (resident, staff, app):
        assert (await caller.post("/Patient/$match", content=asked())).status_code == 403
    anybody = await client()
    assert (await anybody.post("/Patient/$match", content=asked())).status_code == 401


async def test_questions_are_counted_and_on_record(client, exchange, people, monkeypatch) -> None:
    monkeypatch.setattr(identify, "PERSON_QUESTIONS", 2)
    clinician = await client("staff", **CLINICIAN)
    for status in (200, 200, 429):
        answer = await clinician.post("/Patient/$match", content=asked())
        if answer.status_code != status:  # a new minute has begun meanwhile
            assert answer.status_code == 200
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT patient, account, query FROM audit.event WHERE interaction = 'match'"
        )
        found = await cursor.fetchall()
    assert {(person, who) for person, who, _ in found} == {
        (people["a"], "li.jing"),
        (people["c"], "li.jing"),
    }
    assert all("欧阳明远" in query for *_, query in found)


async def test_xml_in_and_out(client, people) -> None:
    """A supplier supports both encodings: https://profiles.ihe.net/ITI/PDQm/ITI-119.html"""
    clinician = await client("staff", **CLINICIAN)
    body = f"""<Parameters xmlns="http://hl7.org/fhir">
      <parameter><name value="resource"/><resource><Patient>
        <identifier><system value="{NUMBER[0]["system"]}"/><value value="{CARD}"/></identifier>
        <name><text value="欧阳明远"/></name><birthDate value="1990-03-07"/>
      </Patient></resource></parameter>
      <parameter><name value="count"/><valueInteger value="1"/></parameter>
    </Parameters>"""
    xml = "application/fhir+xml"
    answer = await clinician.post(
        "/Patient/$match", content=body.encode(), headers={"content-type": xml, "accept": xml}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(xml)
    assert '<score value="' in answer.text
    assert '<valueCode value="certain"/>' in answer.text
    assert f'<id value="{people["a"]}"/>' in answer.text


DAMAGED = f"{CARD[:16]}{(int(CARD[16]) + 1) % 10}{CARD[17]}"
SECOND = [{"system": NUMBER[0]["system"], "value": DAMAGED}]


@pytest.mark.parametrize(
    ("changed", "values", "found", "warned"),
    [
        ({}, {}, True, []),
        ({}, {"count": 11}, True, ["At most 10 persons"]),
        ({"identifier": SECOND}, {}, True, ["fails its check"]),
        ({"birthDate": "1961-12-24"}, {}, True, ["contradicts birth date"]),
        ({"identifier": SECOND}, {"count": 50}, True, ["At most 10 persons", "fails its check"]),
        # One digit off, it is as near to the namesake's number.
        ({"identifier": SECOND}, {"onlyCertainMatches": True}, False, []),
        # Cases 4, 5 and 7: an empty result has no entries where only certain ones were wanted.
        (
            {
                "identifier": SECOND,
                "name": [{"text": "司马青"}],
                "birthDate": "1961-12-24",
                "telecom": [],
            },
            {"onlyCertainMatches": True},
            False,
            [],
        ),
    ],
)
async def test_case_10_of_iti_119_warnings_beside_the_answers(
    client, people, changed, values, found, warned
) -> None:
    clinician = await client("staff", **CLINICIAN)
    described = {k: v for k, v in {**DESCRIBED, **changed}.items() if v}
    answer = await clinician.post("/Patient/$match", content=asked(described, **values))
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert validate(bundle) == []
    modes = [entry["search"]["mode"] for entry in bundle.get("entry", [])]
    assert bundle["total"] == modes.count("match")
    assert bool(bundle["total"]) == found
    issues = [
        issue
        for entry in bundle.get("entry", [])
        if entry["search"]["mode"] == "outcome"
        for issue in entry["resource"]["issue"]
    ]
    assert [issue["severity"] for issue in issues] == ["warning"] * len(warned)
    assert all(words in issue["diagnostics"] for words, issue in zip(warned, issues, strict=True))
    graded = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]
    assert all(0 <= entry["search"]["score"] <= 1 for entry in graded)
    assert all(entry["search"]["extension"][0]["url"] == GRADE for entry in graded)


async def test_case_8_of_iti_119_whoever_is_struck_off_is_told_so(client, exchange, people) -> None:
    """A person is in use while one institution says so."""
    clinician = await client("staff", **CLINICIAN)
    ours = await client("institution", institution="A")

    async def active() -> tuple[bool, bool]:
        golden = (await clinician.post("/Patient/$match", content=asked())).json()["entry"][0]
        known = (await ours.post("/Patient/$match", content=asked())).json()["entry"][0]
        assert golden["resource"]["id"] == known["resource"]["id"] == people["a"]
        return golden["resource"]["active"], known["resource"].get("active", True)

    for code, expected in (("a", True), ("b", False)):
        assert await active() == (True, True)
        sender = await client("institution", institution=code.upper())
        extra = {"phone": "19900000001"} if code == "a" else {}
        body = orjson.loads(
            patient(code, "欧阳明远", institution=code.upper(), number=code, card=CARD, **extra)
        )
        sent = await sender.put(f"/Patient/{code}", content=orjson.dumps({**body, "active": False}))
        assert sent.status_code == 200
        assert await active() == (expected, expected)


async def test_nobody_is_proposed_who_was_set_apart(client, exchange, people) -> None:
    """By the id of the Patient asked about; another institution's id opens nothing."""
    steward = await client(
        "staff", **{**CLINICIAN, "roles": ("steward",), "scopes": "user/Patient.rus"}
    )
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/b"}},
            {"name": "reason", "valueString": "Two cousins of one name"},
        ],
    }
    done = await steward.post(f"/Patient/{people['a']}/$unlink", content=orjson.dumps(body))
    assert done.status_code == 200, done.text
    parted = done.json()["parameter"]
    other = next(p for p in parted if p["name"] == "person")["valueReference"]["reference"]
    theirs = await client("institution", institution="B")
    nameless = await theirs.post("/Patient/$match", content=asked())
    assert {id_ for id_, _ in grades(nameless.json())} >= {people["a"], other.partition("/")[2]}
    named = await theirs.post("/Patient/$match", content=asked({**DESCRIBED, "id": "b"}))
    assert people["a"] not in {id_ for id_, _ in grades(named.json())}
    listed = await steward.get(f"/{other}/$candidates")
    assert people["a"] not in listed.text
