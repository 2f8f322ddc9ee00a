"""Who lives in the district under attack, and what the institutions have sent about them."""

from functools import cache
from typing import Any

import orjson
from attack_world import REDIRECTS, SECRET, World, marker
from auth_flow import PASSWORD
from joserfc.jwk import ECKey, RSAKey

from hie.auth.accounts import create_account
from hie.auth.clients import create_client
from hie.auth.second_factor import give_second_factor
from hie.auth.secret import hash_password
from hie.demo.population import check_character
from hie.kit.db import Connection
from hie.settings import Settings
from hie.store.institutions import add_institution

CARD = "urn:oid:2.16.156.10011.1.3"
SCOPES = (
    "openid fhirUser profile launch launch/patient offline_access online_access "
    "patient/*.cruds user/*.cruds"
)
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def card(number: str) -> str:
    return number + check_character(number)


RESIDENTS: dict[str, dict[str, Any]] = {
    "zhang": {"name": "张建国", "birth": "1961-04-05", "card": card("99010119610405101")},
    "wang": {"name": "王秀兰", "birth": "1975-09-12", "card": card("99010119750912102")},
    "liu": {"name": "刘振华", "birth": "1979-01-20", "card": card("99010119790120103")},
    "xin": {"name": "刘欣", "birth": "2011-06-30", "card": card("99010120110630104")},
}
"""Two residents, and a guardian with a daughter of fifteen."""

AT = {"hospital-a": ("zhang", "liu", "xin"), "hospital-b": ("zhang", "wang")}
STAFF = {"doctor": "clinician", "nurse": "clinician", "steward": "steward", "auditor": "auditor"}


@cache
def keys() -> dict[str, RSAKey | ECKey]:
    return {
        "hospital-a": RSAKey.generate_key(2048, {"kid": "a"}),
        "hospital-b": ECKey.generate_key("P-384", {"kid": "b"}),
    }


def _coded(person: str) -> dict[str, Any]:
    return {"text": marker(person), "coding": [{"system": "http://loinc.org", "code": "4548-4"}]}


def resources(institution: str, person: str) -> list[dict[str, Any]]:
    """What this institution knows about this person: one of each kind, each with the marker."""
    short = institution[-1]
    who = RESIDENTS[person]
    patient = f"{short}-{person}"
    subject = {"reference": f"Patient/{patient}"}

    def one(kind: str, **more: Any) -> dict[str, Any]:
        return {"resourceType": kind, "id": f"{short}-{person}-{kind.lower()}", **more}

    code = _coded(person)
    category = [
        {
            "coding": [
                {
                    "code": "laboratory",
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                }
            ]
        }
    ]
    number = f"{orjson.dumps(who['card']).hex()[-6:]}"
    return [
        {
            "resourceType": "Patient",
            "id": patient,
            "identifier": [
                {"system": CARD, "value": who["card"]},
                {"system": f"urn:hie:institution:{institution}:patient", "value": number},
            ],
            "name": [{"text": who["name"], "family": who["name"][0], "given": [who["name"][1:]]}],
            "birthDate": who["birth"],
        },
        one("Encounter", status="finished", subject=subject, type=[code], period={"start": "2026-03-01T09:00:00+08:00"},
            **{"class": {"code": "AMB", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}),
        one("Observation", status="final", code=code, subject=subject, category=category,
            effectiveDateTime="2026-03-01T09:30:00+08:00", valueQuantity={"value": 7.1, "unit": "%"},
            encounter={"reference": f"Encounter/{short}-{person}-encounter"}),
        one("Condition", code=code, subject=subject, recordedDate="2026-03-01"),
        one("AllergyIntolerance", code=code, patient=subject),
        one("MedicationRequest", status="active", intent="order", medicationCodeableConcept=code, subject=subject),
        one("Procedure", status="completed", code=code, subject=subject),
        one("Immunization", status="completed", vaccineCode=code, patient=subject, occurrenceDateTime="2026-03-01"),
        one("DiagnosticReport", status="final", code=code, subject=subject,
            result=[{"reference": f"Observation/{short}-{person}-observation"}]),
        one("DocumentReference", status="current", type=code, subject=subject,
            content=[{"attachment": {"contentType": "text/plain", "title": marker(person)}}]),
    ]  # fmt: skip


async def send(world: World) -> None:
    """Each institution sends its records in one transaction."""
    for institution, known in AT.items():
        entries = [
            {
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for person in known
            for resource in resources(institution, person)
        ]
        sender = await world.as_institution(institution)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = await sender.post("/", content=orjson.dumps(bundle))
        assert answer.status_code == 200, answer.text


async def register_clients(conn: Connection) -> dict[str, int]:
    """Institutions with their systems, and the apps; gives the institutions' numbers."""
    numbers = {}
    for institution in AT:
        numbers[institution] = (await add_institution(conn, institution, institution)).number
        await create_client(
            conn,
            client_id=institution,
            name=institution,
            kind="asymmetric",
            scopes="system/*.cruds",
            institution=numbers[institution],
            jwks={"keys": [keys()[institution].as_dict(private=False)]},
        )
    for client_id, redirect in REDIRECTS.items():
        await create_client(
            conn,
            client_id=client_id,
            name=client_id,
            kind="symmetric" if client_id == "ledger" else "public",
            secret=SECRET if client_id == "ledger" else None,
            scopes="launch/patient patient/Observation.rs" if client_id == "narrow" else SCOPES,
            redirect_uris=[redirect],
        )
    return numbers


async def create_accounts(conn: Connection, people: dict[str, str], institution: int) -> None:
    """Residents and staff; everybody has the same password, the nurse also a second factor."""
    kept = hash_password(PASSWORD)
    for login, patient in people.items():
        name = RESIDENTS[login]["name"]
        await create_account(
            conn, login=login, password_hash=kept, kind="resident", display_name=name,
            patient=patient,
        )  # fmt: skip
    for login, role in STAFF.items():
        await create_account(
            conn, login=login, password_hash=kept, kind="staff", display_name=login,
            fhir_user=f"Practitioner/{login}", institution=institution, roles=[role],
        )  # fmt: skip
    await give_second_factor(conn, Settings(), "nurse", TOTP)


async def victim(world: World, login: str, *, second_factor: str | None = None) -> str:
    """A clinician's account of the probe's own; gives its login."""
    async with world.database.transaction() as conn:
        await create_account(
            conn, login=login, password_hash=hash_password(PASSWORD), kind="staff",
            display_name=login, fhir_user="Practitioner/x", institution=1, roles=["clinician"],
        )  # fmt: skip
        if second_factor is not None:
            await give_second_factor(conn, Settings(), login, second_factor)
    return login
