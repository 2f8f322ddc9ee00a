"""Guardians of children and proxies: what they may, until when, and what a young person hides."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from test_rest_consent import consent
from tests_rest_samples import observation, patient

from hie.access.representation import appoint_guardian, appoint_proxy, end_representation
from hie.kit.clock import now
from hie.mpi.people import person_of
from hie.records.representation import acting_for, acting_for_me, launch_for

SCOPES = "patient/*.rs patient/Consent.cruds patient/Observation.cruds"
GUARD = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


@dataclass
class Family:
    exchange: Any
    client: Any
    child: str
    parent: str

    async def acting(self, person: str | None = None) -> httpx.AsyncClient:
        """The parent's app with the child (or `person`) as its launch patient."""
        made: httpx.AsyncClient = await self.client(
            "resident",
            scopes=SCOPES,
            patient=person or self.child,
            fhir_user=f"Patient/{self.parent}",
        )
        return made

    async def guardian(self, age: int) -> None:
        async with self.exchange.store.database.transaction() as connection:
            await appoint_guardian(
                connection,
                person=self.child,
                guardian=self.parent,
                born=(now() - timedelta(days=365.25 * age + 10)).date(),
                basis="birth certificate",
                by="test",
            )


@pytest.fixture
async def family(client, exchange) -> Family:
    sender = await client("institution", institution="A")
    for id_, name, number in (("c", "张小", "1"), ("g", "张伟", "2")):
        await sender.put(f"/Patient/{id_}", content=patient(id_, name, number=number))
        result = orjson.loads(observation(f"Patient/{id_}")) | {"id": f"o-{id_}"}
        await sender.put(f"/Observation/o-{id_}", content=orjson.dumps(result))
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["c", "g"])
    return Family(exchange, client, people["c"], people["g"])


async def test_without_representation_nobody_acts_for_another(family: Family) -> None:
    acting = await family.acting()
    for path in ("/Observation/o-c", f"/Patient/{family.child}"):
        assert (await acting.get(path)).status_code == 404
    assert (await acting.get("/Observation")).json().get("entry") is None
    for path in ("/AuditEvent", "/Patient/$emergencies"):
        assert (await acting.get(path)).status_code == 403
    hiding = orjson.dumps(consent(family.child, {"type": "deny"}))
    assert (await acting.post("/Consent", content=hiding)).status_code == 403


async def test_a_guardian_acts_for_a_child_under_14(family: Family) -> None:
    await family.guardian(9)
    acting = await family.acting()
    assert (await acting.get("/Observation/o-c")).status_code == 200
    assert (await acting.get("/Observation/o-g")).status_code == 404  # not in this context
    assert (await acting.get("/AuditEvent")).status_code == 200
    hiding = orjson.dumps(consent(family.child, {"type": "deny"}))
    made = await acting.post("/Consent", content=hiding)
    assert made.status_code == 201
    assert (await acting.get(f"/Consent/{made.json()['id']}")).status_code == 200
    # it hides from institutions, not from the guardian who set it
    assert (await acting.get("/Observation/o-c")).status_code == 200


async def test_from_14_a_guardian_reads_and_the_young_person_decides(family: Family) -> None:
    await family.guardian(15)
    acting = await family.acting()
    assert (await acting.get("/Observation/o-c")).status_code == 200
    for path in ("/AuditEvent", "/Patient/$emergencies"):
        assert (await acting.get(path)).status_code == 403
    hiding = orjson.dumps(consent(family.child, {"type": "deny"}))
    assert (await acting.post("/Consent", content=hiding)).status_code == 403
    own = await family.client("resident", scopes=SCOPES, patient=family.child)
    from_guardian = {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{"system": GUARD, "code": "GUARD"}]},
                "reference": {"display": "监护人"},
            }
        ],
        "data": [{"meaning": "instance", "reference": {"reference": "Observation/o-c"}}],
    }
    made = await own.post("/Consent", content=orjson.dumps(consent(family.child, from_guardian)))
    assert made.status_code == 201, made.text
    assert (await acting.get("/Observation/o-c")).status_code == 404
    assert (await acting.get("/Observation?_summary=count")).json()["total"] == 0
    assert (await acting.get(f"/Consent/{made.json()['id']}")).status_code == 404
    assert (await own.get("/Observation/o-c")).status_code == 200


async def test_nobody_is_guardian_of_an_adult_or_of_himself(family: Family) -> None:
    for age in (18, 40):
        with pytest.raises(ValueError, match="under 18"):
            await family.guardian(age)
    family.child, other = family.parent, family.child
    with pytest.raises(ValueError, match="somebody else"):
        await family.guardian(9)
    assert other


@pytest.mark.parametrize(
    ("actions", "reads", "consents", "contributes"),
    [
        (["read"], 200, 403, 403),
        (["read", "contribute"], 200, 403, 201),
        (["contribute"], 404, 403, 201),
    ],
)
async def test_a_proxy_does_what_was_allowed(
    family: Family, actions: list[str], reads: int, consents: int, contributes: int
) -> None:
    async with family.exchange.store.database.transaction() as connection:
        await appoint_proxy(
            connection,
            person=family.child,
            proxy=family.parent,
            actions=actions,
            until=now() + timedelta(days=30),
            basis="letter",
            by="test",
        )
    acting = await family.acting()
    assert (await acting.get("/Observation/o-c")).status_code == reads
    hiding = orjson.dumps(consent(family.child, {"type": "deny"}))
    assert (await acting.post("/Consent", content=hiding)).status_code == consents
    weight = observation(f"Patient/{family.child}")
    assert (await acting.post("/Observation", content=weight)).status_code == contributes
    reverse = await family.client(
        "resident", scopes=SCOPES, patient=family.parent, fhir_user=f"Patient/{family.child}"
    )
    assert (await reverse.get("/Observation/o-g")).status_code == 404


async def test_a_proxy_ends_with_the_next_request(family: Family) -> None:
    database = family.exchange.store.database
    async with database.transaction() as connection:
        for until in (now(), now() + timedelta(days=800)):
            with pytest.raises(ValueError, match="two years"):
                await appoint_proxy(
                    connection,
                    person=family.child,
                    proxy=family.parent,
                    actions=["read"],
                    until=until,
                    basis="x",
                    by="test",
                )
    await family.guardian(9)
    acting = await family.acting()
    assert (await acting.get("/Observation/o-c")).status_code == 200
    relatives = await acting_for(family.exchange, family.parent)
    assert [(r.name, r.kind) for r in relatives] == [("张小", "guardian")]
    assert len(await acting_for_me(family.exchange, family.child)) == 2
    assert await launch_for(
        family.exchange,
        client_id="portal-resident",
        account="x",
        resident=family.parent,
        person=family.child,
    )
    async with database.transaction() as connection:
        assert not await end_representation(connection, relatives[0].number, "a stranger")
        assert await end_representation(connection, relatives[0].number, family.child)
    assert (await acting.get("/Observation/o-c")).status_code == 404
    assert not await launch_for(
        family.exchange,
        client_id="portal-resident",
        account="x",
        resident=family.parent,
        person=family.child,
    )
