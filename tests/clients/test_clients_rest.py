"""Client libraries that others wrote drive create to delete, search, paging, patch and transaction."""

import asyncio

import pytest
from client_access import Access
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.humanname import HumanName
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound
from node_programs import run_node

ACTIVATE = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.active"},
                {"name": "value", "valueBoolean": True},
            ],
        }
    ],
}
PULSE = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}


def test_fhir_kit_client(access: Access) -> None:
    """JavaScript: https://github.com/Vermonster/fhir-kit-client"""
    assert run_node("fhir_kit.js", FHIR=access.fhir, TOKEN=access.token) == {"pages": 3, "seen": 25}


async def test_fhirpy(access: Access) -> None:
    """Python: https://github.com/beda-software/fhir-py"""
    client = AsyncFHIRClient(access.fhir, authorization=f"Bearer {access.token}")
    patient = client.resource("Patient", active=True, name=[{"text": "王芳"}])
    await patient.create()
    assert (await client.reference("Patient", patient.id).to_resource())["active"] is True
    patient["active"] = False
    await patient.update()
    assert patient["meta"]["versionId"] == "2"
    # Its own patch() sends what only one vendor's server understands; this is the standard's.
    patched = await client.execute(f"Patient/{patient.id}", method="patch", data=ACTIVATE)
    assert patched["active"] is True
    entries = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": PULSE,
                "subject": {"reference": f"Patient/{patient.id}"},
                "valueQuantity": {"value": 60 + number, "unit": "/min"},
            },
            "request": {"method": "POST", "url": "Observation"},
        }
        for number in range(25)
    ]
    bundle = client.resource("Bundle", type="transaction", entry=entries)
    answer = await client.execute("", method="post", data=bundle.serialize())
    assert len(answer["entry"]) == 25
    found = client.resources("Observation").search(patient=patient.id).sort("-_lastUpdated")
    counted = await client.execute(
        "Observation", method="get", params={"patient": patient.id, "_summary": "count"}
    )
    assert counted["total"] == 25
    everyone = await found.limit(10).fetch_all()
    assert len({one.id for one in everyone}) == 25
    named = client.resources("Patient").search(name__contains="芳")
    assert [one.id for one in await named.fetch()] == [patient.id]
    await everyone[0].delete()
    with pytest.raises(ResourceNotFound):
        await client.reference("Observation", everyone[0].id).to_resource()


async def test_fhirclient(access: Access) -> None:
    """Python: https://github.com/smart-on-fhir/client-py checks every answer against its R4 classes."""
    await asyncio.to_thread(_drive_fhirclient, access)


def _drive_fhirclient(access: Access) -> None:
    smart = FHIRClient(settings={"app_id": "test", "api_base": access.fhir})
    server = smart.server
    server.session.headers["Authorization"] = f"Bearer {access.token}"
    assert server.capabilityStatement.fhirVersion == "4.0.1"
    patient = Patient()
    patient.name = [HumanName({"text": "李娜"})]
    created = patient.create(server)
    patient = Patient.read(created["id"], server)
    patient.active = True
    assert patient.update(server)["meta"]["versionId"] == "2"
    entries = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": PULSE,
                "subject": {"reference": f"Patient/{patient.id}"},
            },
            "request": {"method": "POST", "url": "Observation"},
        }
        for _ in range(12)
    ]
    transaction = Bundle({"type": "transaction", "entry": entries})
    answer = server.post_json("", transaction.as_json()).json()
    assert len(answer["entry"]) == 12
    search = Observation.where({"subject": f"Patient/{patient.id}", "_count": "5"})
    assert len({one.id for one in search.perform_resources_iter(server)}) == 12
    patched = server.session.patch(
        f"{access.fhir}/Patient/{patient.id}",
        json=[
            {"op": "test", "path": "/active", "value": True},
            {"op": "remove", "path": "/active"},
        ],
        headers={"content-type": "application/json-patch+json"},
    )
    assert patched.status_code == 200, patched.text
    assert Patient.read(patient.id, server).active is None
    patient.delete(server)
    assert server.session.get(f"{access.fhir}/Patient/{patient.id}").status_code == 410
