"""Who sees what over HTTP: no token, wrong institution, wrong patient, wrong scope, no reason."""

import pytest
from tests_rest_samples import observation, patient

from hie.mpi.people import person_of

PATHS = (
    "/Patient/p1",
    "/Patient/p1/_history",
    "/Patient/p1/_history/1",
    "/Patient/p1/$everything",
    "/Patient?name=x",
)


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_without_a_token(client, path: str) -> None:
    anybody = await client()
    answer = await anybody.get(path)
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


async def test_another_institution_sees_and_changes_nothing(client) -> None:
    a = await client("institution", institution="A")
    b = await client("institution", institution="B")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    for path in PATHS[:4]:
        theirs, absent = await b.get(path), await b.get(path.replace("p1", "nobody"))
        assert theirs.status_code == absent.status_code == 404
    assert (await b.get("/Patient?_id=p1")).json().get("entry") is None
    assert (await b.put("/Patient/p1", content=patient("p1", "李四"))).status_code == 403
    assert (await b.delete("/Patient/p1")).status_code == 404
    assert "张伟" in (await a.get("/Patient/p1")).text


async def test_a_scope_limits_types_and_interactions(client) -> None:
    reader = await client("institution", institution="A", scopes="system/Patient.rs")
    assert (await reader.get("/Observation?code=x")).status_code == 403
    assert (await reader.post("/Patient", content=patient(None, "张伟"))).status_code == 403
    part = await client("institution", institution="A", scopes="system/Observation.rs?date=2026")
    assert (await part.get("/Observation")).status_code == 403


async def test_a_resident_sees_all_institutions_and_nobody_else(client, exchange) -> None:
    card = "99010119900307001X"
    from hie.demo.population import check_character

    card = card[:17] + check_character(card[:17])
    for code, name, phone in (
        ("A", "张伟", None),
        ("B", "张偉", "19900000001"),
        ("C", "张 伟", None),
    ):
        sender = await client("institution", institution=code)
        body = patient(f"p{code}", name, institution=code, card=card, phone=phone)
        assert (await sender.put(f"/Patient/p{code}", content=body)).status_code == 201
        await sender.post("/Observation", content=observation(f"Patient/p{code}"))
    other = await client("institution", institution="A")
    await other.put("/Patient/q", content=patient("q", "王芳", number="8"))
    await other.post("/Observation", content=observation("Patient/q", "secret"))
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["pA", "pB", "pC", "q"])
    assert len({people[p] for p in ("pA", "pB", "pC")}) == 1
    golden = people["pA"]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    for query in ("", f"?patient={golden}", f"?subject=Patient/{golden}"):
        found = (await resident.get(f"/Observation{query}")).json()["entry"]
        codes = {e["resource"]["meta"]["source"] for e in found}
        assert codes == {f"urn:hie:institution:{code}" for code in "ABC"}
        subjects = {e["resource"]["subject"]["reference"] for e in found}
        assert subjects == {f"Patient/{golden}"}
    assert (await resident.get("/Patient/q")).status_code == 404
    everything = (await resident.get(f"/Patient/{golden}/$everything")).text
    assert "secret" not in everything
    assert (await resident.get(f"/Patient/{people['q']}/$everything")).status_code == 404
    assert (await resident.post("/Observation", content=observation("x"))).status_code == 403
