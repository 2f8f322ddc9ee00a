"""Probes of every way to read, by everybody who may not: another resident's app, another institution,
a clinician who has not opened the record. What one may not see has to answer like what is not there.

https://hl7.org/fhir/R4/security.html#AccessDenied
"""

from urllib.parse import quote

import httpx
import orjson
import pytest
from attack_district import CARD, RESIDENTS
from attack_world import READ, World, marker

ATTACKERS = ("zhang's app", "hospital-a", "doctor", "steward")
TARGET = "b-wang"
ABSENT = "b-none"

READS = {
    "the person's source record": "/Patient/{id}",
    "a result": "/Observation/{id}-observation",
    "a diagnosis": "/Condition/{id}-condition",
    "an encounter": "/Encounter/{id}-encounter",
    "a report": "/DiagnosticReport/{id}-diagnosticreport",
    "a document": "/DocumentReference/{id}-documentreference",
    "a version": "/Observation/{id}-observation/_history/1",
    "a history": "/Observation/{id}-observation/_history",
    "everything": "/Patient/{id}/$everything",
    "everything of a visit": "/Encounter/{id}-encounter/$everything",
}

SEARCHES = {
    "by id": "/Observation?_id={id}-observation",
    "by patient": "/Observation?patient={id}",
    "by patient's type": "/Observation?subject:Patient={id}",
    "by absolute reference": "/Observation?subject={base}/Patient/{id}",
    "by code and patient": "/Observation?patient={id}&code=4548-4",
    "by encounter": "/Observation?encounter={id}-encounter",
    "with a count": "/Observation?patient={id}&_total=accurate",
    "count only": "/Observation?patient={id}&_summary=count",
    "sorted": "/Observation?patient={id}&_sort=-date&_count=1",
    "with includes": "/Observation?_id={id}-observation&_include=Observation:subject",
    "with reverse includes": "/Patient?_id={id}&_revinclude=Observation:subject",
    "through the compartment": "/Patient/{id}/Observation",
    "through the whole compartment": "/Patient/{id}/*?_type=Encounter,Observation",
    "over several types": "/?_type=Observation,Condition&patient={id}",
    "by last update": "/Patient?_id={id}&_lastUpdated=gt2020",
    "without identity": "/Patient?_id:not={other}&_id={id}",
    "reverse chained": "/Patient?_id={id}&_has:Observation:patient:code=4548-4",
    "reverse chained twice": "/Patient?_id={id}&_has:Encounter:patient:_has:Observation:encounter:code=4548-4",
    "histories of the type": "/Observation/_history?_count=1000",
    "histories of everything": "/_history?_count=1000",
}
"""Chains and identifiers are below: there the value itself, and not an id, is the secret."""

SECRETS = {
    "chained by name": "/Observation?subject:Patient.name={name}&_total=accurate",
    "chained by card": "/Observation?patient.identifier={card}&_total=accurate",
    "chained by birth date": "/Condition?patient.birthdate={birth}&_total=accurate",
    "chained twice": "/DiagnosticReport?result.subject:Patient.identifier={card}",
    "chained over an encounter": "/Observation?encounter.subject:Patient.identifier={card}",
    "by identifier of the subject": "/Observation?subject:identifier={card}",
    "source record by card": "/Patient?identifier={card}&_tag=hospital-b",
    "by text": "/Observation?code:text={marker}",
}


async def attacker(world: World, who: str) -> httpx.AsyncClient:
    if who == "zhang's app":
        return await world.as_person("zhang", f"{READ} user/*.rs")
    if who == "hospital-a":
        return await world.as_institution("hospital-a")
    return await world.as_person(who, "user/*.rs")


def same(answer: httpx.Response, absent: httpx.Response) -> None:
    """Both answers tell the same, but for the ids that were asked for, and nothing of wang."""
    assert answer.status_code == absent.status_code, answer.text
    assert answer.status_code < 500, answer.text
    told = _told(answer)
    assert marker("wang") not in str(told)
    assert RESIDENTS["wang"]["name"] not in str(told)
    assert told == _told(absent)


def _told(answer: httpx.Response) -> object:
    if not answer.content:
        return None
    said = orjson.loads(answer.text.replace(TARGET, "ID").replace(ABSENT, "ID"))
    for name in ("timestamp", "id", "meta", "link"):
        said.pop(name, None)
    return said


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("way", READS)
async def test_reading_what_is_not_ones_own(world: World, who: str, way: str) -> None:
    fhir = await attacker(world, who)
    path = READS[way]
    same(await fhir.get(path.format(id=TARGET)), await fhir.get(path.format(id=ABSENT)))


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("way", SEARCHES)
async def test_searching_what_is_not_ones_own(world: World, who: str, way: str) -> None:
    fhir = await attacker(world, who)
    path = SEARCHES[way]
    here = {"base": world.fhir, "other": "x"}
    answer = await fhir.get(path.format(id=TARGET, **here))
    absent = await fhir.get(path.format(id=ABSENT, **here))
    if "_history" in path:  # the second look finds what others have sent in between
        assert marker("wang") not in answer.text
        return
    same(answer, absent)


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("way", SECRETS)
async def test_guessing_what_is_not_ones_own(world: World, who: str, way: str) -> None:
    fhir = await attacker(world, who)
    wang = RESIDENTS["wang"]
    right = {
        "name": wang["name"], "card": f"{CARD}|{wang['card']}", "birth": wang["birth"],
        "marker": marker("wang"),
    }  # fmt: skip
    wrong = {
        "name": "王秀莲", "card": f"{CARD}|{wang['card'][::-1]}", "birth": "1975-09-13",
        "marker": marker("none"),
    }  # fmt: skip
    path = SECRETS[way]
    answers = [
        await fhir.get(path.format(**{k: quote(v) for k, v in values.items()}))
        for values in (right, wrong)
    ]
    same(*answers)


@pytest.mark.parametrize("who", ATTACKERS)
async def test_a_posted_search_reaches_no_further(world: World, who: str) -> None:
    fhir = await attacker(world, who)
    fhir.headers["content-type"] = "application/x-www-form-urlencoded"
    asked = [f"patient={logical_id}&_total=accurate" for logical_id in (TARGET, ABSENT)]
    answers = [await fhir.post("/Observation/_search", content=one) for one in asked]
    same(*answers)


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_bundles_reach_no_further(world: World, who: str, kind: str) -> None:
    fhir = await attacker(world, who)

    def bundle(logical_id: str) -> bytes:
        paths = [path.format(id=logical_id)[1:] for path in READS.values() if "$" not in path]
        entries = [{"request": {"method": "GET", "url": path}} for path in paths]
        return orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": entries})

    same(await fhir.post("/", content=bundle(TARGET)), await fhir.post("/", content=bundle(ABSENT)))


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("header", ["if-none-match", "if-modified-since"])
async def test_conditional_reads_are_no_oracle(world: World, who: str, header: str) -> None:
    fhir = await attacker(world, who)
    value = {"if-none-match": 'W/"1"', "if-modified-since": "Tue, 01 Jan 2030 00:00:00 GMT"}[header]
    same(
        await fhir.get(f"/Observation/{TARGET}-observation", headers={header: value}),
        await fhir.get(f"/Observation/{ABSENT}-observation", headers={header: value}),
    )


@pytest.mark.parametrize("who", ATTACKERS)
async def test_head_tells_no_more_than_get(world: World, who: str) -> None:
    fhir = await attacker(world, who)
    answers = [await fhir.head(f"/Observation/{i}-observation") for i in (TARGET, ABSENT)]
    assert answers[0].status_code == answers[1].status_code
    assert "etag" not in answers[0].headers


def _observation(**more: object) -> bytes:
    return orjson.dumps(
        {"resourceType": "Observation", "status": "final", "code": {"text": "probe"}, **more}
    )


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_nobody_changes_what_another_has_sent(world: World, who: str, method: str) -> None:
    fhir = await attacker(world, who)
    path = f"/Observation/{TARGET}-observation"
    body = _observation(id=f"{TARGET}-observation") if method == "PUT" else None
    if method == "PATCH":
        fhir.headers["content-type"] = "application/json-patch+json"
        body = orjson.dumps([{"op": "replace", "path": "/status", "value": "amended"}])
    answer = await fhir.request(method, path, content=body)
    assert answer.status_code in (403, 404, 409), answer.text
    assert marker("wang") not in answer.text
    owner = await world.as_institution("hospital-b")
    kept = (await owner.get(path)).json()
    assert kept["status"] == "final"
    assert kept["code"]["text"] == marker("wang")


async def test_a_conditional_create_is_no_oracle(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    answers = [
        await fhir.post(
            "/Observation",
            content=_observation(),
            headers={"if-none-exist": f"patient.identifier={CARD}|{number}"},
        )
        for number in (RESIDENTS["wang"]["card"], "990101197509121999")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_conditional_writes_are_no_oracle(world: World, method: str) -> None:
    fhir = await world.as_institution("hospital-a")
    answers = [
        await fhir.request(
            method,
            f"/Condition?_id={logical_id}-condition",
            content=None if method == "DELETE" else orjson.dumps({"resourceType": "Condition"}),
        )
        for logical_id in (TARGET, ABSENT)
    ]
    same(*answers)


async def test_a_reference_cannot_be_resolved_to_what_is_not_ones_own(world: World) -> None:
    fhir = await world.as_institution("hospital-a")

    def bundle(number: str) -> bytes:
        subject = {"reference": f"Patient?identifier={CARD}|{number}"}
        entry = {
            "resource": orjson.loads(_observation(subject=subject)),
            "request": {"method": "POST", "url": "Observation"},
        }
        return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    right = await fhir.post("/", content=bundle(RESIDENTS["wang"]["card"]))
    wrong = await fhir.post("/", content=bundle("990101197509121999"))
    assert right.status_code == wrong.status_code >= 400
    assert marker("wang") not in right.text


async def test_a_cursor_is_of_no_use_to_another(world: World) -> None:
    owner = await world.as_institution("hospital-b")
    first = (await owner.get("/Observation?_count=1")).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert (await owner.get(following)).status_code == 200
    for who in ATTACKERS:
        answer = await (await attacker(world, who)).get(following)
        assert answer.status_code == 400
        assert marker("wang") not in answer.text


async def test_a_changed_cursor_is_refused(world: World) -> None:
    owner = await world.as_institution("hospital-b")
    first = (await owner.get("/Observation?_count=1")).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    for changed in (following[:-2] + "AA", following.replace("_count=1", "_count=5")):
        if changed != following:
            assert (await owner.get(changed)).status_code == 400


async def test_no_record_stays_in_a_cache(world: World) -> None:
    fhir = await world.as_person("zhang")
    for path in (f"/Patient/{world.people['zhang']}", "/Observation", "/Observation/none"):
        assert (await fhir.get(path)).headers["cache-control"] == "no-store"


async def test_an_app_that_may_read_may_not_write(world: World) -> None:
    fhir = await world.as_person("zhang")
    answer = await fhir.post("/Observation", content=_observation())
    assert answer.status_code == 403


async def test_an_app_with_one_type_sees_no_other(world: World) -> None:
    token = await world.token("zhang", "launch/patient patient/Observation.rs")
    fhir = world.bearer(token)
    assert marker("zhang") in (await fhir.get("/Observation")).text
    for path in ("/Condition", f"/Patient/{world.people['zhang']}", "/Condition/b-zhang-condition"):
        assert (await fhir.get(path)).status_code == 403
    for hidden in ("_include=Observation:subject", "_revinclude=DiagnosticReport:result"):
        found = (await fhir.get(f"/Observation?{hidden}")).json()
        assert {e["resource"]["resourceType"] for e in found["entry"]} == {"Observation"}
    everything = await fhir.get(f"/Patient/{world.people['zhang']}/$everything")
    assert "Condition" not in everything.text or everything.status_code == 403


async def test_a_read_scope_does_not_search_and_a_search_scope_does_not_read(world: World) -> None:
    readers = world.bearer(await world.token("zhang", "launch/patient patient/Observation.r"))
    searchers = world.bearer(await world.token("zhang", "launch/patient patient/Observation.s"))
    path = "/Observation/b-zhang-observation"
    assert (await readers.get(path)).status_code == 200
    assert (await readers.get("/Observation")).status_code == 403
    assert (await searchers.get("/Observation")).status_code == 200
    assert (await searchers.get(path)).status_code == 403


@pytest.mark.parametrize(
    "path", [*list(READS.values())[:-1], "/Observation", "/_history", "/AuditEvent"]
)
async def test_nobody_reads_without_a_token(world: World, path: str) -> None:
    answer = await world.browser().get(f"/fhir{path.format(id='b-wang')}")
    assert answer.status_code == 401


@pytest.mark.parametrize("who", ["zhang's app", "hospital-a", "doctor", "steward"])
async def test_nobody_writes_the_audit_trail(world: World, who: str) -> None:
    fhir = await attacker(world, who)
    event = {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2026-01-01T00:00:00Z",
    }
    assert (await fhir.post("/AuditEvent", content=orjson.dumps(event))).status_code in (
        403,
        422,
        405,
    )
    assert (await fhir.delete("/AuditEvent/1")).status_code in (403, 404, 405)
