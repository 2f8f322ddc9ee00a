"""Two institutions that know one resident, and a clinician: the data for random consents."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.auth.scopes import Scope
from hie.mpi.people import person_of
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.store.institutions import add_institution

Resource = dict[str, Any]
LOINC = "http://loinc.org"
ICD = "http://hl7.org/fhir/sid/icd-10"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CARD = "990101199003070011"
INSTITUTIONS = ("H1", "H2")


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def resources(institution: str) -> list[Resource]:
    """One institution's records of the resident: visits, results, diagnoses, some with labels."""
    patient = {"reference": f"Patient/{institution}-p"}
    found: list[Resource] = [
        {
            "resourceType": "Patient",
            "id": f"{institution}-p",
            "identifier": [
                {"system": f"urn:hie:institution:{institution}:patient", "value": "7"},
                {"system": "urn:oid:2.16.156.10011.1.3", "value": CARD},
            ],
            "name": [{"text": "张伟", "family": "张", "given": ["伟"]}],
            "gender": "male",
            "birthDate": "1990-03-07",
        }
    ]
    for number, year in enumerate((2019, 2022, 2025)):
        visit = f"{institution}-v{number}"
        about = {"encounter": {"reference": f"Encounter/{visit}"}, "subject": patient}
        label: Resource = {}
        if number == 1:
            label["meta"] = {"security": [{"system": ACT_CODE, "code": "TBOO"}]}
        found += [
            {
                "resourceType": "Encounter",
                "id": visit,
                "status": "finished",
                "class": {"system": ACT_CODE, "code": "AMB"},
                "subject": patient,
                "period": {"start": f"{year}-05-01", "end": f"{year}-05-03"},
            },
            {
                "resourceType": "Observation",
                "id": f"{visit}-o",
                "status": "final",
                **label,
                "code": coded(LOINC, ("4548-4", "8480-6", "5671-3")[number]),
                **about,
                "effectiveDateTime": f"{year}-05-02",
            },
            {
                "resourceType": "Condition",
                "id": f"{visit}-c",
                **label,
                "code": coded(ICD, ("E11.9", "J20.9", "I10")[number]),
                **about,
                **({"onsetDateTime": f"{year}-05"} if number else {}),
            },
        ]
    return found


@dataclass(slots=True)
class District:
    """The exchange, the resident and what both institutions sent, by reference."""

    exchange: Exchange
    person: str
    numbers: dict[str, int]
    rows: dict[str, Resource] = field(default_factory=dict)

    def clinician(self, institution: str, practitioner: str, account: str) -> Caller:
        return Caller(
            "staff",
            "portal-clinician",
            (Scope("user", "*", "rs"),),
            account=account,
            user=f"Practitioner/{practitioner}",
            institution=self.numbers[institution],
            roles=frozenset({"clinician"}),
        )


async def district(exchange: Exchange) -> District:
    """Send everything twice, the second time changed, so that there are older versions."""
    numbers = {}
    async with exchange.store.database.transaction() as connection:
        for code in INSTITUTIONS:
            numbers[code] = (await add_institution(connection, code, code)).number
    made = District(exchange, "", numbers)
    for code in INSTITUTIONS:
        sender = Caller.for_institution(numbers[code], code)
        for version in ("amended", None):
            entries = []
            for one in resources(code):
                sent = dict(one)
                if version and one["resourceType"] == "Observation":
                    sent["status"] = version
                    sent["code"] = coded(LOINC, "0000-0")
                entries.append(
                    Entry("PUT", one["resourceType"], id=one["id"], body=orjson.dumps(sent))
                )
            await accept(exchange, sender, entries)
        made.rows |= {f"{one['resourceType']}/{one['id']}": one for one in resources(code)}
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, [f"{code}-p" for code in INSTITUTIONS])
    assert len(set(people.values())) == 1
    made.person = people["H1-p"]
    return made
