"""The exchange that random requests are sent to: what it holds, and who asks."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
from random_answers import answer_to
from random_requests import Drawn
from tests_rest_samples import patient

from hie.app import Application
from hie.auth.tokens import mint
from hie.kit.clock import now
from hie.mpi.people import person_of
from hie.records.exchange import Exchange
from hie.store.institutions import add_institution

Json = Any
LARGEST = 20_000
"""Bytes of an example; larger ones take time and show nothing more."""
EACH = 4
"""Examples of a type that are stored."""
TWINS = (("A", "t1", "王雨欣"), ("B", "t2", "王雨桐"), ("A", "t3", "李明"), ("B", "t4", "李明明"))
PHONE = "19900001234"
STAFF = ("clinician", "steward", "reviewer", "auditor")


def stored_examples(data: Path) -> list[Json]:
    """A few official examples of each type, with two under ids that requests ask for."""
    with gzip.open(data / "r4" / "examples.ndjson.gz") as lines:
        whole = [orjson.loads(line) for line in lines if len(line) < LARGEST]
    chosen: dict[str, list[Json]] = {}
    for one in whole:
        some = chosen.setdefault(one["resourceType"], [])
        if len(some) < EACH * (4 if one["resourceType"] in ("Patient", "Observation") else 1):
            some.append(one)
    own = [{**chosen[name][0], "id": i} for name, i in (("Patient", "p1"), ("Observation", "o1"))]
    own[0]["birthDate"] = "1974-12-25"  # who appoints proxies is of age
    own[1]["subject"] = {"reference": "Patient/p1"}
    return [*own, *(one for some in chosen.values() for one in some)]


class World:
    """Stores and callers. `tokens` are by the caller's name; None stands for a request without."""

    def __init__(self, app: Application, exchange: Exchange) -> None:
        self.app = app
        self._exchange = exchange
        self.tokens: dict[str, str | None] = {"nobody": None, "unknown": "x" * 43}
        self.persons: list[str] = []

    @property
    def callers(self) -> Sequence[str]:
        """Names of callers, the most useful ones most often."""
        return (
            *("operator",) * 8,
            *("A",) * 8,
            *("B", "B", "resident", "resident", "other", *STAFF, "nobody", "unknown", "narrow"),
        )

    async def furnish(self, stored: Sequence[Json]) -> None:
        """Store the examples, two pairs of likely twins, and issue the tokens."""
        await self._issue("operator", "operator", scopes="system/*.cruds")
        await self._issue("A", "institution", institution="A", scopes="system/*.cruds")
        await self._issue("B", "institution", institution="B", scopes="system/*.cruds")
        scopes = "system/Patient.rs system/Observation.rs?status=final"
        await self._issue("narrow", "institution", institution="B", scopes=scopes)
        random = Random(0)
        for one in stored:
            sender = "A" if one["id"] in ("p1", "o1") or random.random() < 0.85 else "B"
            await self._put(sender, one["resourceType"], one["id"], orjson.dumps(one))
        for institution, logical_id, name in TWINS:
            body = patient(logical_id, name, institution=institution, phone=PHONE)
            await self._put(institution, "Patient", logical_id, body)
        day = (now() - timedelta(days=30)).date().isoformat()
        visit = {
            "resourceType": "Encounter",
            "id": "visit",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p1"},
            "period": {"start": day, "end": day},
        }
        await self._put("A", "Encounter", "visit", orjson.dumps(visit))
        patients = [one["id"] for one in stored if one["resourceType"] == "Patient"]
        sources = ["p1", "example", *(logical_id for _, logical_id, _ in TWINS), *patients]
        async with self._exchange.store.database.connection() as connection:
            people = await person_of(connection, sources)
        self.persons = list(dict.fromkeys(people[one] for one in sources if one in people))
        await self._people()

    async def _people(self) -> None:
        scopes = "patient/*.cruds"
        for name, number in (("resident", 0), ("other", 2)):
            person = self.persons[number]
            user = f"Patient/{person}"
            await self._issue(name, "resident", scopes=scopes, patient=person, fhir_user=user)
        who = {"patient": "p1", "fhir_user": "Patient/p1"}
        await self._issue("app", "resident", scopes="patient/Basic.cuds", **who)
        for role in STAFF:
            await self._issue(
                role,
                "staff",
                institution="A",
                scopes="user/*.cruds",
                account=role,
                fhir_user=f"Practitioner/{role}",
                roles=[role],
            )

    async def _put(self, sender: str, type_name: str, logical_id: str, body: bytes) -> None:
        headers = ((b"content-type", b"application/fhir+json"),)
        path = f"/{type_name}/{logical_id}"
        drawn = Drawn(sender, "PUT", path, b"", headers, body, "")
        answer = await answer_to(self.app, drawn, f"/fhir{path}", self.tokens[sender])
        assert answer.status in (200, 201, 403, 422), answer

    async def _issue(self, name: str, holder: Any, institution: str = "", **more: Any) -> None:
        async with self._exchange.store.database.transaction() as connection:
            number = None
            if institution:
                number = (await add_institution(connection, institution, institution)).number
            self.tokens[name] = await mint(
                connection, client_id=f"fuzz-{name}", holder=holder, institution=number, **more
            )


def by_route(counted: Mapping[tuple[str, int], int]) -> str:
    """For each form of request, how often it was answered with which status."""
    lines: dict[str, dict[int, int]] = {}
    for (route, status), count in sorted(counted.items()):
        lines.setdefault(route, {})[status] = count
    return "\n".join(f"{route}: {statuses}" for route, statuses in lines.items())
