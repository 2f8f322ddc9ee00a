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
        return [e["resource"]["name"][0]["family"] for e in answer.json().get("entry", [])]

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
