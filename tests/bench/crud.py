"""Creates, reads, updates and deletes of five types in the proportion 10 : 60 : 25 : 5, 64 clients at once."""

import json
import random
import re
from collections.abc import Callable
from itertools import count
from typing import Any

from http_client import Request, closed_loop, each, request
from results import milliseconds, say

CLIENTS = 64
SECONDS = 6.0
SHARES = {"create": 10, "read": 60, "update": 25, "delete": 5}
STORED = 100
LOCATION = re.compile(rb"\r\nlocation: *[^\r\n]*/([a-z]+)/([^/\r\n]+)/_history", re.IGNORECASE)
CODES = ("8302-2", "29463-7", "39156-5", "4548-4", "2339-0")


def body(kind: str, patient: str, turn: int, logical_id: str | None) -> bytes:
    """A small resource of a type about a patient; each turn says something else."""
    subject = {"subject": {"reference": f"Patient/{patient}"}}
    code = {"coding": [{"system": "http://loinc.org", "code": CODES[turn % len(CODES)]}]}
    day = f"2025-{turn % 12 + 1:02d}-{turn % 28 + 1:02d}"
    more: dict[str, Any] = {
        "Observation": {
            "status": "final",
            "code": code,
            "effectiveDateTime": day,
            "valueQuantity": {"value": turn, "unit": "mg", "code": "mg"},
        },
        "Condition": {"code": {"text": f"condition {turn}"}, "onsetDateTime": day},
        "Encounter": {
            "status": "finished",
            "class": {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": "AMB",
            },
            "period": {"start": day, "end": day},
        },
        "Procedure": {"status": "completed", "code": code, "performedDateTime": day},
        "MedicationRequest": {
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"text": f"medicine {turn}"},
            "authoredOn": day,
        },
    }[kind]
    named = {"id": logical_id} if logical_id else {}
    return json.dumps({"resourceType": kind, **named, **subject, **more}).encode()


TYPES = ("Observation", "Condition", "Encounter", "Procedure", "MedicationRequest")


class _Mix:
    """Draws the next request; what is created joins what can be read, what is deleted leaves it."""

    def __init__(self, token: str, patients: list[str]) -> None:
        self._token = token
        self._patients = patients
        self._turn = count()
        self._stored: list[tuple[str, str]] = []

    def create(self) -> Request:
        turn = next(self._turn)
        kind = TYPES[turn % len(TYPES)]
        made = body(kind, random.choice(self._patients), turn, None)
        data = request(
            self._token, "POST", f"/fhir/{kind}", made, more="Prefer: return=minimal\r\n"
        )
        return Request(data, self._created(kind), "create")

    def _created(self, kind: str) -> Callable[[int, bytes, bytes], None]:
        def answered(status: int, head: bytes, _: bytes) -> None:
            place = LOCATION.search(head)
            assert status == 201, (status, head)
            assert place is not None
            self._stored.append((kind, place[2].decode()))

        return answered

    def draw(self) -> Request:
        [what] = random.choices(list(SHARES), list(SHARES.values()))
        if what == "create" or len(self._stored) < STORED:
            return self.create()
        index = random.randrange(len(self._stored))
        kind, logical_id = self._stored[index]
        path = f"/fhir/{kind}/{logical_id}"
        if what == "delete":
            self._stored[index] = self._stored[-1]
            self._stored.pop()
        if what == "update":
            made = body(kind, random.choice(self._patients), next(self._turn), logical_id)
            more = "Prefer: return=minimal\r\n"
            return Request(request(self._token, "PUT", path, made, more=more), None, what)
        return Request(
            request(self._token, "GET" if what == "read" else "DELETE", path), None, what
        )


async def crud(port: int, token: str, patients: list[str]) -> None:
    """The mix; what is deleted while somebody else reads or changes it is answered by 410 or 201."""
    mix = _Mix(token, patients)
    await each(port, [mix.create() for _ in range(4 * STORED)], clients=8)
    done = await closed_loop(port, mix.draw, clients=CLIENTS, seconds=SECONDS)
    assert set(done.statuses) <= {200, 201, 204, 410, 409}, done.statuses
    say(
        "crud mix",
        clients=CLIENTS,
        shares=SHARES,
        per_second=round(done.per_second),
        statuses={str(status): number for status, number in sorted(done.statuses.items())},
        times={kind: milliseconds(times) for kind, times in sorted(done.by_kind.items())},
    )
