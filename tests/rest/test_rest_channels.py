"""One person, three institutions, three channels: a transaction bundle, HL7 v2, and FHIR REST."""

import orjson
from tests_rest_samples import observation, patient

from hie.demo.population import check_character
from hie.ingest.files import take_in
from hie.ingest.processing import process_next
from hie.ingest.sender import register_sender
from hie.mpi.people import person_of
from hie.store.institutions import add_institution

FIRST = "99010119900307001"
CARD = FIRST + check_character(FIRST)


def message(kind: str, control_id: str, *segments: str) -> bytes:
    head = rf"MSH|^~\&|HIS|YXZYY|HIE|YX|20260301083005+0800||{kind}|{control_id}|P|2.5.1||||||UNICODE UTF-8"
    return ("\r".join((head, *segments)) + "\r").encode()


REGISTERED = message(
    "ADT^A04^ADT_A01",
    "M1",
    "EVN|A04|20260301083000",
    f"PID|1||P9^^^YXZYY^PI~{CARD}^^^^NI||張^偉^^^^^L||19900307|M",
    "PV1|1|O|内科|R||||||||||||||||V9",
)
MEASURED = message(
    "ORU^R01^ORU_R01",
    "R1",
    "PID|1||P9^^^YXZYY^PI||張^偉",
    "PV1|1|O|||||||||||||||||V9",
    "ORC|RE|O1|L1",
    "OBR|1|O1|L1|2823-3^钾^LN|||20260301093000|||||||||||||||20260301115500||LAB|F",
    "OBX|1|NM|2823-3^钾^LN||5.10|mmol/L^^UCUM|3.50-5.30|N|||F",
)


async def test_three_channels_one_person(client, exchange) -> None:
    urn = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d001"
    a = await client("institution", institution="YX-H1")
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": urn,
                "resource": orjson.loads(patient(None, "张伟", institution="YX-H1", card=CARD)),
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "resource": orjson.loads(observation(urn)),
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
    sent = (await a.post("/", json=bundle)).json()
    source = sent["entry"][0]["response"]["location"].split("/")[-3]

    database = exchange.store.database
    async with database.connection() as connection:
        hospital = await add_institution(connection, "YX-H2", "云溪区中医医院")
        await register_sender(connection, "YXZYY", hospital.number)
    taken = [part async for part in take_in(database, [REGISTERED, MEASURED])]
    assert [(one.kept, one.refused) for one in taken] == [(2, [])]
    while await process_next(exchange, hospital.number):
        pass

    station = await client("institution", institution="YX-S1")
    lower = CARD.lower().translate({ord(str(d)): ord("０") + d for d in range(10)})
    body = patient("s1", "张 伟", institution="YX-S1", card=lower)
    assert (await station.put("/Patient/s1", content=body)).status_code == 201
    await station.post("/Observation", content=observation("Patient/s1"))
    await station.put("/Patient/s2", content=patient("s2", "王芳", number="8", institution="YX-S1"))
    await station.post("/Observation", content=observation("Patient/s2", "another's"))

    async with database.connection() as connection:
        golden = (await person_of(connection, [source]))[source]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    found = (await resident.get("/Observation")).json()["entry"]
    owners = sorted(e["resource"]["meta"]["tag"][-1]["code"] for e in found)
    assert owners == ["YX-H1", "YX-H2", "YX-S1"]
    assert b"5.10" in (await resident.get("/Observation?code=2823-3")).content
    assert "another's" not in (await resident.get(f"/Patient/{golden}/$everything")).text
