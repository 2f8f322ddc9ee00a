"""PDQm: the parameters and cases of ITI-78. https://profiles.ihe.net/ITI/PDQm/ITI-78.html"""

from typing import Any

import orjson
import pytest

from hie.fhir.validation import validate

NATIONAL = "urn:oid:2.16.156.10011.1.3"
CLINICIAN: dict[str, Any] = {
    "institution": "A",
    "scopes": "user/Patient.rs",
    "account": "li.jing",
    "roles": ("clinician",),
}
MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
ALICE = {
    "resourceType": "Patient",
    "id": "alice",
    "extension": [{"url": MAIDEN, "valueString": "OYELARAN"}],
    "active": True,
    "identifier": [{"system": "urn:hie:institution:A:patient", "value": "994"}],
    "name": [{"family": "MOHR", "given": ["ALICE"]}],
    "gender": "female",
    "birthDate": "1958-01-30",
    "telecom": [{"system": "phone", "value": "19900000042"}],
    "address": [
        {
            "line": ["820 JORIE BLVD."],
            "city": "OAK BROOK",
            "state": "IL",
            "postalCode": "60523",
            "country": "US",
        }
    ],
}


@pytest.fixture
async def found(client):
    sender = await client("institution", institution="A")
    assert (await sender.put("/Patient/alice", content=orjson.dumps(ALICE))).status_code == 201
    clinician = await client("staff", **CLINICIAN)

    async def names(query: str, *, post: bool = False) -> list[str]:
        if post:
            answer = await clinician.post(
                "/Patient/_search",
                content=query,
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
        else:
            answer = await clinician.get(f"/Patient?{query}")
        assert answer.status_code == 200, answer.text
        assert validate(answer.json()) == []
        return [
            e["resource"]["name"][0]["family"]
            for e in answer.json().get("entry", [])
            if e["search"]["mode"] == "match"
        ]

    return names


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize(
    "query",
    [
        "family=MOHR&given=ALICE",
        "family=mohr",
        "family:exact=MOHR",
        "given:exact=ALICE",
        "identifier=urn:hie:institution:A:patient|994",
        "identifier=994",
        "identifier=urn:hie:institution:A:patient|",
        "identifier=urn:oid:9.9.9|,urn:hie:institution:A:patient|",
        "family=MOHR&identifier=urn:hie:institution:A:patient|",
        "telecom=19900000042",
        "birthdate=1958-01-30",
        "birthdate=ge1958-01-01&birthdate=le1958-12-31",
        "address=820",
        "address-city=OAK BROOK",
        "address-country=US",
        "address-postalcode=60523",
        "address-state=IL",
        "gender=female",
        "family=MOHR&gender=female",
        "birthdate=1958-01-30&family=MOHR",
        "active=true&family=MOHR",
        "mothersMaidenName=oyelaran",
    ],
)
async def test_every_parameter_finds_her(found, query: str, post: bool) -> None:
    assert await found(query, post=post) == ["MOHR"]


@pytest.mark.parametrize(
    "query",
    [
        "family=MOHRS",
        "family:exact=mohr",
        "identifier=urn:oid:9.9.9|994",
        "identifier=urn:hie:institution:A:patient|994&identifier=urn:oid:9.9.9|1",
        "birthdate=1958-01-31",
        "gender=male",
        "active=false",
        "family=MOHR&gender=male",
        "mothersMaidenName=other",
    ],
)
async def test_others_are_not_found(found, query: str) -> None:
    assert await found(query) == []


CARD = {"system": NATIONAL, "value": "99010119580130002X"}
OWN = {"system": "urn:hie:institution:A:patient", "value": "994"}
SUBSETTED = "SUBSETTED"


@pytest.fixture
async def alice(client) -> None:
    """One resident at A and at B: three identifiers, of which two are institutions' own."""
    for code, own in (("A", "994"), ("B", "22")):
        sender = await client("institution", institution=code)
        system = f"urn:hie:institution:{code}:patient"
        body = {
            **ALICE,
            "id": f"alice-{code}",
            "identifier": [{"system": system, "value": own}, CARD],
        }
        sent = await sender.put(f"/Patient/alice-{code}", content=orjson.dumps(body))
        assert sent.status_code == 201, sent.text


def told(bundle: dict[str, Any]) -> tuple[list[set[str]], list[tuple[str, str, str]]]:
    """Of each Patient the systems of its identifiers; and the issues beside them."""
    assert validate(bundle) == []
    patients, issues = [], []
    for entry in bundle.get("entry", []):
        if entry["search"]["mode"] == "match":
            resource = entry["resource"]
            patients.append({one["system"] for one in resource.get("identifier", [])})
        else:
            issues += [
                (one["severity"], one["code"], one["diagnostics"])
                for one in entry["resource"]["issue"]
            ]
    return patients, issues


UNKNOWN = ("warning", "not-found", "targetSystem not found")
A, B = "urn:hie:institution:A:patient", "urn:hie:institution:B:patient"


@pytest.mark.parametrize(
    ("case", "query", "patients", "issues"),
    [
        (1, "family=MOHR", [{A, B, NATIONAL}], []),
        (1, f"identifier={A}|994", [{A, B, NATIONAL}], []),
        (2, f"family=MOHR&identifier={A}|", [{A}], []),
        (2, f"family=MOHR&identifier={A}|,{NATIONAL}|", [{A, NATIONAL}], []),
        (2, f"identifier={B}|22&identifier={NATIONAL}|", [{NATIONAL}], []),
        (2, f"identifier={A}|994,{B}|", [{A, B, NATIONAL}], []),
        (3, "family=NOBODY", [], []),
        (3, f"family=NOBODY&identifier={A}|", [], []),
        (4, f"family=MOHR&identifier=urn:oid:9.9.9|,{B}|", [{B}], [UNKNOWN]),
        (4, "family=MOHR&identifier=urn:oid:9.9.9|", [], [UNKNOWN]),
    ],
)  # fmt: skip
async def test_the_cases_of_iti_78(client, alice, case, query, patients, issues) -> None:
    """https://profiles.ihe.net/ITI/PDQm/ITI-78.html#2378413-expected-actions"""
    clinician = await client("staff", **CLINICIAN)
    answer = await clinician.get(f"/Patient?{query}")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert told(bundle) == (patients, issues), case
    assert bundle["total"] == len(patients)


async def test_case_5_a_format_that_there_is_not(client, alice) -> None:
    clinician = await client("staff", **CLINICIAN)
    answer = await clinician.get("/Patient?family=MOHR&_format=application/pdf")
    assert answer.status_code == 406
    issue = answer.json()["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", "not-supported")


async def test_what_is_left_out_is_marked_and_on_every_page(client, alice) -> None:
    clinician = await client("staff", **CLINICIAN)
    for code in ("C", "D"):
        sender = await client("institution", institution=code)
        other = {
            **ALICE,
            "id": f"other-{code}",
            "name": [{"family": "MOHR", "given": [f"JO{code}"]}],
        }
        other["identifier"] = [
            {"system": NATIONAL, "value": f"9{code}"},
            {"system": A, "value": code},
        ]
        other["birthDate"] = "1990-01-01" if code == "C" else "1971-02-03"
        await sender.put(f"/Patient/other-{code}", content=orjson.dumps(other))
    asked = f"/Patient?family=MOHR&identifier={A}|&_count=1"
    seen = 0
    while asked:
        bundle = (await clinician.get(asked)).json()
        assert bundle["total"] == 3
        for entry in bundle["entry"]:
            seen += 1
            assert {one["system"] for one in entry["resource"]["identifier"]} == {A}
            assert SUBSETTED in [tag["code"] for tag in entry["resource"]["meta"]["tag"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        asked = following[0] if following else ""
    assert seen == 3
    whole = (await clinician.get("/Patient?family=MOHR&given=ALICE")).json()["entry"][0]["resource"]
    assert SUBSETTED not in [tag["code"] for tag in whole["meta"]["tag"]]


async def test_a_domain_opens_nothing(client, alice) -> None:
    """An institution asks within its own records, whatever domain it names."""
    elsewhere = await client("institution", institution="C")
    assert told((await elsewhere.get(f"/Patient?identifier={A}|")).json()) == ([], [])
    ours = await client("institution", institution="A")
    assert told((await ours.get(f"/Patient?identifier={A}|")).json()) == ([{A}], [])
    assert told((await ours.get(f"/Patient?identifier={B}|")).json()) == ([], [])
    staff = await client("staff", **{**CLINICIAN, "scopes": "user/Observation.rs"})
    assert (await staff.get(f"/Patient?identifier={A}|")).status_code == 403


async def test_case_6_a_merged_patient_names_its_successor_or_is_not_there(client, alice) -> None:
    sender = await client("institution", institution="A")
    old = {
        **ALICE,
        "id": "alice-old",
        "active": False,
        "name": [{"family": "MOHR", "given": ["ALYCE"]}],
        "identifier": [{"system": A, "value": "12"}],
        "link": [{"other": {"reference": "Patient/alice-A"}, "type": "replaced-by"}],
    }
    assert (await sender.put("/Patient/alice-old", content=orjson.dumps(old))).status_code == 201
    found = (await sender.get("/Patient?identifier=12")).json()["entry"]
    assert [entry["resource"]["active"] for entry in found] == [False]
    clinician = await client("staff", **CLINICIAN)
    told_to_staff = (await clinician.get("/Patient?family=MOHR")).json()
    assert all(
        entry["resource"]["active"] or entry["resource"]["link"][0]["type"] == "replaced-by"
        for entry in told_to_staff["entry"]
    )
