"""Probes of proxies: beyond the invitation, beyond what was allowed, beyond the end, on every worker.

Wang is appointed to act for Zhang by what both do over HTTP. Rules: docs/access.md
"""

from datetime import timedelta
from typing import Any

import httpx
import orjson
from attack_district import RESIDENTS
from attack_workers import two_workers
from attack_world import World

from hie.access.invitation import MOST_FAILURES
from hie.auth.launch import begin_launch
from hie.kit.clock import now

OWN = "openid fhirUser launch/patient patient/*.rs patient/Consent.cruds"
ACTING = "openid fhirUser launch patient/*.rs patient/Consent.cruds"
RESULT = "/Observation/a-zhang-observation"


def sent(**values: Any) -> bytes:
    given = [
        {"name": name, "valueInteger" if isinstance(value, int) else "valueString": value}
        for name, value in values.items()
    ]
    return orjson.dumps({"resourceType": "Parameters", "parameter": given})


async def invited(world: World, *, action: str = "read", name: str = "wang") -> str:
    """The code of an invitation by Zhang."""
    zhang = await world.as_person("zhang", OWN)
    last = (now() + timedelta(days=20)).date().isoformat()
    asked = sent(name=RESIDENTS[name]["name"], action=action, until=last)
    answer = await zhang.post("/Patient/$invite-proxy", content=asked)
    assert answer.status_code == 200, answer.text
    return next(
        str(one["valueString"])
        for one in answer.json()["parameter"][0]["part"]
        if one["name"] == "code"
    )


async def accept(world: World, code: str, who: str = "wang") -> httpx.Response:
    app = await world.as_person(who, OWN)
    return await app.post("/Patient/$accept-proxy", content=sent(code=code))


async def acting(world: World) -> httpx.AsyncClient:
    """Wang's app, launched on Zhang's record."""
    async with world.database.connection() as conn:
        begun = await begin_launch(
            conn, client_id="diary", account="wang", patient=world.people["zhang"]
        )
    tokens = await world.app().tokens("wang", ACTING, launch=begun)
    return world.bearer(tokens["access_token"])


async def appointed(world: World, action: str = "read") -> httpx.AsyncClient:
    """The same, once Wang has accepted; nothing of an earlier probe is in force."""
    async with world.database.transaction() as conn:
        await conn.execute("UPDATE access.representative SET ended = now() WHERE kind = 'proxy'")
    answer = await accept(world, await invited(world, action=action))
    assert answer.status_code == 200, answer.text
    return await acting(world)


async def numbers(world: World, who: str, name: str) -> list[int]:
    found = await (await world.as_person(who, OWN)).get("/Patient/$representatives")
    return [
        part["valueInteger"]
        for one in found.json().get("parameter", [])
        if one["name"] == name
        for part in one["part"]
        if part["name"] == "number"
    ]


async def test_without_an_invitation_nobody_acts(world: World) -> None:
    async with world.database.transaction() as conn:
        await conn.execute("UPDATE access.representative SET ended = now() WHERE kind = 'proxy'")
    assert (await (await acting(world)).get(RESULT)).status_code == 404


async def test_an_invitation_is_for_nobody_of_another_name(world: World) -> None:
    code = await invited(world)
    for _ in range(MOST_FAILURES):
        assert (await accept(world, code, "liu")).status_code == 404
    assert (await accept(world, code)).status_code == 404, "five wrong names end it"


async def test_an_invitation_works_once(world: World) -> None:
    code = await invited(world)
    assert (await accept(world, code)).status_code == 200
    assert (await accept(world, code)).status_code == 404


async def test_an_invitation_raced_is_accepted_once(world: World) -> None:
    code = await invited(world)
    await world.as_person("wang", OWN)  # who signs in six times at once is taken for a guesser
    answers = await world.at_once(*(accept(world, code) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 5


async def test_a_withdrawn_invitation_is_over(world: World) -> None:
    code = await invited(world)
    zhang = await world.as_person("zhang", OWN)
    for number in await numbers(world, "zhang", "invitation"):
        await zhang.post("/Patient/$end-representation", content=sent(invitation=number))
    assert (await accept(world, code)).status_code == 404


async def test_a_proxy_who_may_only_read_decides_nothing(world: World) -> None:
    app = await appointed(world)
    assert (await app.get(RESULT)).status_code == 200
    denial = {
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                              "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{world.people['zhang']}"},
        "dateTime": "2026-01-01T00:00:00Z", "policy": [{"uri": "urn:hie:notice:consent:1"}],
        "provision": {"type": "deny"},
    }  # fmt: skip
    made = await app.post("/Consent", content=orjson.dumps(denial))
    assert made.status_code == 403
    assert (await app.get("/AuditEvent")).status_code == 403
    assert (await app.post("/Patient/$visit-code", content=sent())).status_code == 403


async def test_a_proxy_who_may_not_read_sees_nothing(world: World) -> None:
    app = await appointed(world, "contribute")
    assert (await app.get(RESULT)).status_code == 404
    assert (await app.get("/Observation?_summary=count")).json()["total"] == 0


async def test_a_proxy_appoints_nobody_else(world: World) -> None:
    app = await appointed(world, "consent")
    last = (now() + timedelta(days=9)).date().isoformat()
    asked = sent(name=RESIDENTS["liu"]["name"], action="read", until=last)
    await app.post("/Patient/$invite-proxy", content=asked)
    assert await numbers(world, "zhang", "invitation") == []


async def test_a_proxy_ended_on_one_worker_is_over_on_the_other(world: World) -> None:
    app = await appointed(world)
    headers = {"authorization": app.headers["authorization"]}
    zhang = await world.as_person("zhang", OWN)
    async with two_workers(world) as (first, second):
        for http in (first, second):
            assert (await http.get(f"/fhir{RESULT}", headers=headers)).status_code == 200
        for number in await numbers(world, "zhang", "for-me"):
            ended = await first.post(
                "/fhir/Patient/$end-representation",
                content=sent(number=number),
                headers={
                    "authorization": zhang.headers["authorization"],
                    "content-type": "application/fhir+json",
                },
            )
            assert ended.status_code == 200, ended.text
        for http in (second, first):
            assert (await http.get(f"/fhir{RESULT}", headers=headers)).status_code == 404


async def test_a_proxy_is_over_after_the_last_day_on_every_worker(world: World) -> None:
    app = await appointed(world)
    headers = {"authorization": app.headers["authorization"]}
    async with two_workers(world) as workers:
        for http in workers:
            assert (await http.get(f"/fhir{RESULT}", headers=headers)).status_code == 200
        async with world.database.transaction() as conn:
            await conn.execute(
                "UPDATE access.representative SET until = now() WHERE kind = 'proxy'"
            )
        for http in workers:
            assert (await http.get(f"/fhir{RESULT}", headers=headers)).status_code == 404


async def test_nobody_ends_what_others_agreed(world: World) -> None:
    app = await appointed(world)
    liu = await world.as_person("liu", OWN)
    for number in await numbers(world, "zhang", "for-me"):
        answer = await liu.post("/Patient/$end-representation", content=sent(number=number))
        assert answer.status_code == 404
    assert (await app.get(RESULT)).status_code == 200


async def test_what_a_proxy_did_is_in_the_persons_log_under_the_proxys_name(world: World) -> None:
    app = await appointed(world)
    assert (await app.get(RESULT)).status_code == 200
    zhang = await world.as_person("zhang", OWN)
    log = await zhang.get(f"/AuditEvent?agent=Patient/{world.people['wang']}&_count=200")
    assert any("a-zhang-observation" in str(entry) for entry in log.json()["entry"])
