"""Records in volume: residents of the synthetic district with a year of care each, 130 resources.

A clinic's year of somebody with a chronic disease, the same in shape for all: what is measured on it
is growth. NDJSON, one file for a hundred residents.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from hie.demo.district import District
from hie.demo.registration import exact, patient

UNTIL = date(2026, 1, 1)
VISITS = 13
CODES = ("8302-2", "29463-7", "39156-5", "4548-4", "2339-0", "2160-0", "8867-4", "8480-6")
CONDITIONS = ("44054006", "38341003", "55822004", "195662009", "13645005")
RESIDENTS_IN_A_FILE = 100


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _visit(random: Random, subject: str, number: int) -> Iterator[dict[str, Any]]:
    day = (UNTIL - timedelta(days=365 - number * 28 - random.randrange(20))).isoformat()
    place = f"{subject}-{number}"
    about = {"subject": {"reference": f"Patient/{subject}"}}
    during = {**about, "encounter": {"reference": f"Encounter/{place}"}}
    yield {
        "resourceType": "Encounter",
        "id": place,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        **about,
        "period": {"start": f"{day}T09:00:00+08:00", "end": f"{day}T09:20:00+08:00"},
    }
    for turn in range(7):
        yield {
            "resourceType": "Observation",
            "id": f"{place}-o{turn}",
            "status": "final",
            "category": [
                _concept(
                    "http://terminology.hl7.org/CodeSystem/observation-category",
                    "laboratory" if turn % 2 else "vital-signs",
                )
            ],
            "code": _concept("http://loinc.org", random.choice(CODES)),
            **during,
            "effectiveDateTime": f"{day}T09:{turn:02d}:00+08:00",
            "valueQuantity": {
                "value": round(random.uniform(3, 180), 1),
                "unit": "mmol/L",
                "system": "http://unitsofmeasure.org",
                "code": "mmol/L",
            },
        }
    yield {
        "resourceType": "Condition",
        "id": f"{place}-c",
        "code": _concept("http://snomed.info/sct", random.choice(CONDITIONS)),
        **during,
        "onsetDateTime": day,
    }
    yield {
        "resourceType": "MedicationRequest",
        "id": f"{place}-m",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": random.choice(("氨氯地平", "二甲双胍", "阿司匹林"))},
        **during,
        "authoredOn": day,
    }


def write(folder: Path, residents: int, after: int = 0) -> None:
    """The records of the residents numbered `after` to `residents`, as files in a new folder."""
    folder.mkdir()
    people = (
        (home, resident)
        for home in District(1, residents, UNTIL).households()
        for resident in home.residents
    )
    lines: list[bytes] = []
    for number, (home, resident) in enumerate(people):
        if number < after:
            continue
        registration = exact("YX-H1", resident, home)
        random = Random(resident.key)
        lines.append(orjson.dumps(patient(registration)))
        for visit in range(VISITS):
            lines += map(orjson.dumps, _visit(random, registration.patient, visit))
        if (number + 1) % RESIDENTS_IN_A_FILE == 0 or number + 1 == residents:
            (folder / f"{number:06d}.ndjson").write_bytes(b"\n".join(lines))
            lines.clear()
