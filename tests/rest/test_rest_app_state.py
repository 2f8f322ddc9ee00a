"""SMART app state. https://hl7.org/fhir/smart-app-launch/STU2.2/app-state.html"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from hie.access.app_state import MOST
from hie.app import Application
from hie.auth.tokens import mint
from hie.records.exchange import Exchange

FHIR = "http://127.0.0.1:8080/fhir"
CODE = "https://app.example.org|preferences"
OWN = f"{FHIR}/Patient/anna"
Apps = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def app_of(app: Application, exchange: Exchange) -> AsyncIterator[Apps]:
    """An app in the hands of a resident, unless told otherwise."""
    opened: list[httpx.AsyncClient] = []

    async def make(
        person: str = "anna",
        scopes: str = "patient/Basic.cuds",
        *,
        client_id: str = "diary",
        holder: Any = "resident",
        **more: Any,
    ) -> httpx.AsyncClient:
        if holder == "resident":
            more = {"patient": person, "fhir_user": f"Patient/{person}", **more}
        async with exchange.store.database.transaction() as connection:
            token = await mint(
                connection, client_id=client_id, scopes=scopes, holder=holder, **more
            )
        made = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://127.0.0.1:8080/fhir/app-state",
            headers={
                "content-type": "application/fhir+json",
                "authorization": f"Bearer {token}",
            },
        )
        opened.append(made)
        return made

    yield make
    for one in opened:
        await one.aclose()


def state(subject: str | None = OWN, text: str = "dark", **more: Any) -> dict[str, Any]:
    system, _, code = CODE.partition("|")
    about = {"subject": {"reference": subject}} if subject else {}
    extension = [{"url": f"{system}/v1", "valueString": text}]
    coding = [{"system": system, "code": code}]
    return {
        "resourceType": "Basic",
        "code": {"coding": coding},
        **about,
        "extension": extension,
        **more,
    }


async def found(app: httpx.AsyncClient, subject: str = OWN, code: str = CODE) -> Any:
    answer = await app.get("/Basic", params={"code": code, "subject": subject})
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


async def test_an_app_keeps_finds_replaces_and_removes_its_state(app_of: Apps) -> None:
    app = await app_of()
    created = await app.post("/Basic", json=state())
    assert created.status_code == 201
    resource = created.json()
    assert created.headers["etag"] == 'W/"1"'
    assert created.headers["location"].endswith(f"/fhir/app-state/Basic/{resource['id']}")
    assert resource["meta"]["versionId"] == "1"
    assert {name: resource[name] for name in state()} == state()
    assert await found(app) == [resource]

    address = f"/Basic/{resource['id']}"
    changed = state(text="light", id=resource["id"])
    replaced = await app.put(address, json=changed, headers={"if-match": 'W/"1"'})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, 'W/"2"')
    assert [one["extension"] for one in await found(app)] == [changed["extension"]]

    for version, status in (("1", 412), ("2", 204), ("2", 412)):
        gone = await app.delete(address, headers={"if-match": f'W/"{version}"'})
        assert gone.status_code == status
    assert await found(app) == []


async def test_changes_need_the_version_subject_and_code_that_are_there(app_of: Apps) -> None:
    app = await app_of()
    made = (await app.post("/Basic", json=state())).json()
    address, same = f"/Basic/{made['id']}", state(id=made["id"])
    assert (await app.put(address, json=same)).status_code == 428
    assert (await app.delete(address)).status_code == 428
    coding = [{"system": "https://app.example.org", "code": "other"}]
    for body, tag in (
        (same, 'W/"7"'),
        (same, "*"),
        ({**same, "code": {"coding": coding}}, 'W/"1"'),
    ):
        answer = await app.put(address, json=body, headers={"if-match": tag})
        assert answer.status_code == 412
    assert await found(app) == [made]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (state(id="mine"), 422),
        (state(meta={"versionId": "1"}), 422),
        (state(code={"text": "no coding"}), 422),
        (
            state(
                code={"coding": [{"system": "s:1", "code": "a"}, {"system": "s:1", "code": "b"}]}
            ),
            422,
        ),
        (state(extension=[{"url": "urn:x", "valueInteger": 1}]), 422),
        (state(subject="Patient/anna"), 403),
        (state(text="x" * 262_144), 413),
        ({**state(), "resourceType": "Observation"}, 400),
    ],
    ids=["id", "version", "code", "codes", "extension", "relative", "size", "type"],
)
async def test_what_is_no_state_is_refused(app_of: Apps, body: dict[str, Any], status: int) -> None:
    app = await app_of()
    assert (await app.post("/Basic", json=body)).status_code == status
    assert await found(app) == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"code={CODE}",
        f"subject={OWN}",
        f"code={CODE}&subject={OWN}&_id=1",
        f"code={CODE}&subject:missing=false",
        f"code={CODE}&subject={OWN}&subject:missing=true",
        f"code={CODE}&subject={OWN}&subject={OWN}",
    ],
)
async def test_other_searches_are_refused(app_of: Apps, query: str) -> None:
    assert (await (await app_of()).get(f"/Basic?{query}")).status_code == 400


async def test_nobody_else_reaches_it(app_of: Apps) -> None:
    app = await app_of()
    made = (await app.post("/Basic", json=state())).json()
    wide = "patient/*.cruds user/*.cruds"
    clinician = {"holder": "staff", "fhir_user": "Practitioner/li", "roles": ["clinician"]}
    others = {
        "another app of the same person": await app_of(scopes=wide, client_id="other"),
        "the same app of another person": await app_of("berta", wide),
        "who acts for the person": await app_of(scopes=wide, fhir_user="Patient/berta"),
        "a clinician": await app_of(scopes=wide, **clinician),
        "a clinician on the person": await app_of(scopes=wide, patient="anna", **clinician),
        "an administrator": await app_of(
            scopes=wide, holder="staff", fhir_user="Practitioner/ad", roles=["administrator"]
        ),
        "an institution": await app_of(
            scopes="system/*.cruds", holder="institution", institution=0
        ),
        "the operator": await app_of(scopes="system/*.cruds", holder="operator"),
    }
    for who, other in others.items():
        seen = await other.get("/Basic", params={"code": CODE, "subject": OWN})
        assert seen.status_code == 403 or seen.json()["total"] == 0, who
        address, tag = f"/Basic/{made['id']}", {"if-match": 'W/"1"'}
        written = await other.put(address, json=state(id=made["id"], text="evil"), headers=tag)
        assert written.status_code in (403, 412), who
        # The same as for an id that was never given.
        removed = await other.delete(address, headers=tag)
        never = await other.delete("/Basic/never", headers=tag)
        assert (removed.status_code, removed.json()) == (412, never.json()), who
    for who, other in list(others.items())[1:]:
        assert (await other.post("/Basic", json=state())).status_code == 403, who
    assert await found(app) == [made]


async def test_no_way_to_read_records_finds_it(app_of: Apps) -> None:
    made = (await (await app_of()).post("/Basic", json=state())).json()
    for scopes, more in (
        ("patient/*.cruds", {}),
        ("system/*.cruds", {"holder": "operator"}),
    ):
        reader = await app_of(scopes=scopes, **more)
        assert (await reader.get(f"{FHIR}/Basic/{made['id']}")).status_code == 404
        assert (await reader.get(f"{FHIR}/Basic?_summary=count")).json()["total"] == 0
    writer = await app_of()
    assert (await writer.post(f"{FHIR}/Basic", json=state())).status_code == 403


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        ("patient/Basic.cuds", (201, 200)),
        ("patient/*.cruds", (201, 200)),
        ("patient/Basic.s", (403, 200)),
        ("patient/Basic.c", (201, 403)),
        ("user/Basic.cuds", (201, 200)),
        ("patient/Observation.cruds", (403, 403)),
        (f"patient/Basic.cs?code={CODE}", (201, 200)),
        ("patient/Basic.cs?code=https://app.example.org|keys", (403, 403)),
        (f"patient/Basic.cs?code={CODE}&author=Patient/anna", (403, 403)),
        ("system/Basic.cuds", (403, 403)),
    ],
)
async def test_scopes(app_of: Apps, scopes: str, statuses: tuple[int, int]) -> None:
    app = await app_of(scopes=scopes)
    created = await app.post("/Basic", json=state())
    searched = await app.get("/Basic", params={"code": CODE, "subject": OWN})
    assert (created.status_code, searched.status_code) == statuses


async def test_state_for_all_users_is_the_administrators(app_of: Apps) -> None:
    scopes = "user/Basic.cuds"
    administrator = await app_of(
        scopes=scopes, holder="staff", fhir_user="Practitioner/ad", roles=["administrator"]
    )
    user = await app_of(scopes=scopes)
    assert (await user.post("/Basic", json=state(None))).status_code == 403
    made = await administrator.post("/Basic", json=state(None))
    assert made.status_code == 201
    everybody = {"code": CODE, "subject:missing": "true"}
    assert (await user.get("/Basic", params=everybody)).json()["total"] == 1
    stranger = await app_of(scopes=scopes, client_id="other")
    assert (await stranger.get("/Basic", params=everybody)).json()["total"] == 0
    tag = {"if-match": 'W/"1"'}
    address = f"/Basic/{made.json()['id']}"
    assert (await user.delete(address, headers=tag)).status_code == 412
    assert (await administrator.delete(address, headers=tag)).status_code == 204


async def test_without_a_token_and_without_bound(app_of: Apps, app: Application) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080"
    ) as nobody:
        assert (await nobody.get("/fhir/app-state/Basic")).status_code == 401
        assert (await nobody.post("/fhir/app-state/Basic", json=state())).status_code == 401
        document = (await nobody.get("/fhir/.well-known/smart-configuration")).json()
    assert "smart-app-state" in document["capabilities"]
    [endpoint] = document["associated_endpoints"]
    assert endpoint["url"] == "http://127.0.0.1:8080/fhir/app-state"
    keeper = await app_of()
    for _ in range(MOST):
        assert (await keeper.post("/Basic", json=state())).status_code == 201
    assert (await keeper.post("/Basic", json=state())).status_code == 422


async def test_it_is_on_record(app_of: Apps, exchange: Exchange) -> None:
    app = await app_of()
    made = (await app.post("/Basic", json=state())).json()
    await found(app)
    await app.delete(f"/Basic/{made['id']}", headers={"if-match": 'W/"1"'})
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT interaction FROM audit.event WHERE entity_type = 'Basic' ORDER BY number"
        )
        recorded = [row[0] for row in await cursor.fetchall()]
    assert recorded == ["create", "search-type", "delete"]
