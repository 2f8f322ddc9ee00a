"""Bulk export as a backend service uses it. https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.access import export as exports
from hie.records import export as records_export
from hie.records import export_lines
from hie.records.exchange import Exchange
from hie.rest.export import NDJSON
from hie.search.definitions import hold

Client = Callable[..., Awaitable[httpx.AsyncClient]]
ASYNC = {"prefer": "respond-async"}


def patient(logical_id: str, name: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": logical_id,
        "identifier": [{"system": "urn:test", "value": logical_id}],
        "name": [{"text": name}],
    }


def observation(logical_id: str, subject: str, status: str = "final") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": f"Patient/{subject}"},
    }


async def put(sender: httpx.AsyncClient, *resources: dict[str, Any]) -> None:
    for one in resources:
        text = json.dumps(one, indent=2, ensure_ascii=False)
        answer = await sender.put(f"/{one['resourceType']}/{one['id']}", content=text)
        assert answer.status_code in (200, 201), answer.text


@pytest.fixture
async def sender(client: Client) -> httpx.AsyncClient:
    """A hospital that has sent two patients with one result each, and a practitioner."""
    made = await client("institution", institution="H1")
    practitioner = {"resourceType": "Practitioner", "id": "doctor"}
    await put(made, patient("a", "张明华"), patient("b", "李\n四"), practitioner)
    await put(made, observation("oa", "a"), observation("ob", "b", "preliminary"))
    return made


async def kick_off(caller: httpx.AsyncClient, address: str = "/$export") -> str:
    answer = await caller.get(address, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"]


async def manifest(caller: httpx.AsyncClient, place: str) -> dict[str, Any]:
    answer = await caller.get(place)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert "expires" in answer.headers
    found: dict[str, Any] = answer.json()
    return found


async def lines(caller: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    answer = await caller.get(url, headers={"accept": NDJSON})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == NDJSON
    return [json.loads(line) for line in answer.text.splitlines()]


async def exported(caller: httpx.AsyncClient, place: str) -> dict[str, list[str]]:
    """The ids by type, in the order of the files."""
    found: dict[str, list[str]] = {}
    for file in (await manifest(caller, place))["output"]:
        got = await lines(caller, file["url"])
        assert len(got) == file["count"]
        assert {one["resourceType"] for one in got} == {file["type"]}
        found.setdefault(file["type"], []).extend(one["id"] for one in got)
    return found


async def test_everything_that_the_institution_sent(sender: httpx.AsyncClient) -> None:
    place = await kick_off(sender)
    found = await manifest(sender, place)
    assert found["requiresAccessToken"] is True
    assert found["request"] == "http://127.0.0.1:8080/fhir/$export"
    assert found["error"] == []
    assert found["deleted"] == []
    assert await exported(sender, place) == {
        "Observation": ["oa", "ob"],
        "Patient": ["a", "b"],
        "Practitioner": ["doctor"],
    }


async def test_lines_hold_what_was_sent(sender: httpx.AsyncClient) -> None:
    place = await kick_off(sender, "/$export?_type=Patient")
    [file] = (await manifest(sender, place))["output"]
    whole, _ = await lines(sender, file["url"])
    assert whole == (await sender.get("/Patient/a")).json()
    compressed = await sender.get(file["url"], headers={"accept-encoding": "gzip"})
    assert compressed.text.count("\n") == 2
    head = await sender.head(file["url"])
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/Patient/$export?_type=Observation", {"Observation": ["oa", "ob"]}),
        (
            "/Patient/$export",
            {"Group": ["g"], "Observation": ["oa", "ob"], "Patient": ["a", "b"]},
        ),
        ("/Patient/$export?patient=Patient/b", {"Observation": ["ob"], "Patient": ["b"]}),
        ("/Group/g/$export", {"Group": ["g"], "Observation": ["oa"], "Patient": ["a"]}),
        (
            "/$export?_type=Observation,Practitioner&_typeFilter=Observation?status=final",
            {"Observation": ["oa"], "Practitioner": ["doctor"]},
        ),
        (
            "/$export?_type=Observation"
            "&_typeFilter=Observation%3Fstatus%3Dfinal,Observation%3Fpatient%3Db%26status%3Dx,preliminary",
            {"Observation": ["oa", "ob"]},
        ),
        ("/$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Dcancelled", {}),
        (
            "/$export?_type=Observation&_typeFilter="
            "Observation?subject=http://127.0.0.1:8080/fhir/Patient/b",
            {"Observation": ["ob"]},
        ),
        ("/$export?_type=Encounter", {}),
    ],
)
async def test_what_is_asked_for_and_nothing_else(
    sender: httpx.AsyncClient, address: str, expected: dict[str, list[str]]
) -> None:
    members = [
        {"entity": {"reference": "Patient/a"}},
        {"entity": {"reference": "Patient/b"}, "inactive": True},
    ]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    await put(sender, {**group, "member": members})
    assert await exported(sender, await kick_off(sender, address)) == expected


async def test_parameters_can_be_posted(sender: httpx.AsyncClient) -> None:
    parameters = [
        {"name": "_type", "valueString": "Observation"},
        {"name": "patient", "valueReference": {"reference": "Patient/a"}},
        {"name": "_elements", "valueString": "Observation.status"},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    answer = await sender.post("/Patient/$export", json=body, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    place = answer.headers["content-location"]
    [file] = (await manifest(sender, place))["output"]
    [only] = await lines(sender, file["url"])
    assert only["id"] == "oa"
    assert "subject" not in only
    assert only["meta"]["tag"][-1]["code"] == "SUBSETTED"


async def test_files_show_one_moment(sender: httpx.AsyncClient) -> None:
    """Changed, deleted and added afterwards: the files still show what was."""
    await asyncio.sleep(0.002)  # changes are timed in milliseconds
    place = await kick_off(sender)
    await put(sender, observation("oa", "a", "amended"), observation("oc", "a"))
    assert (await sender.delete("/Observation/ob")).status_code == 204
    found = await manifest(sender, place)
    [file] = [one for one in found["output"] if one["type"] == "Observation"]
    got = await lines(sender, file["url"])
    assert [(one["id"], one["status"]) for one in got] == [("oa", "final"), ("ob", "preliminary")]

    again = await kick_off(sender, f"/$export?_since={found['transactionTime']}")
    assert await exported(sender, again) == {"Observation": ["oa", "oc"]}
    [file] = (await manifest(sender, again))["deleted"]
    [bundle] = await lines(sender, file["url"])
    assert [one["request"]["url"] for one in bundle["entry"]] == ["Observation/ob"]


async def test_it_waits_for_what_is_being_written(
    sender: httpx.AsyncClient, exchange: Exchange
) -> None:
    async with exchange.store.database.transaction() as connection:
        await hold(connection)
        place = await kick_off(sender)
        waiting = await sender.get(place)
        assert waiting.status_code == 202
        assert waiting.headers["retry-after"] == "1"
        assert waiting.headers["x-progress"]
        assert (await sender.get(f"{place}/Patient.1.ndjson")).status_code == 404
    assert (await sender.get(place)).status_code == 200


async def test_many_files_of_many_pages(
    sender: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_export, "FILE_SIZE", 5)
    monkeypatch.setattr(export_lines, "PAGE", 2)
    names = [f"o{number:02}" for number in range(12)]
    await put(sender, *(observation(name, "a") for name in names))
    place = await kick_off(sender, "/$export?_type=Observation")
    files = (await manifest(sender, place))["output"]
    assert [one["count"] for one in files] == [5, 5, 4]
    assert (await exported(sender, place))["Observation"] == ["oa", "ob", *names]


@pytest.mark.parametrize(
    ("address", "headers", "named"),
    [
        ("/$export", {}, "Prefer"),
        ("/$export?_outputFormat=text/csv", ASYNC, "_outputFormat"),
        ("/$export?_type=Nonsense", ASYNC, "_type"),
        ("/Patient/$export?_type=Practitioner", ASYNC, "_type"),
        ("/$export?_since=2026", ASYNC, "_since"),
        ("/$export?_until=2026", ASYNC, "_until"),
        ("/$export?patient=Patient/a", ASYNC, "patient"),
        ("/$export?_typeFilter=Observation", ASYNC, "_typeFilter"),
        ("/$export?_typeFilter=Observation?_sort=date", ASYNC, "_typeFilter"),
        ("/$export?_typeFilter=Observation?nonsense=1", ASYNC, "nonsense"),
        ("/$export?_type=Patient&_typeFilter=Observation?status=final", ASYNC, "_typeFilter"),
        ("/$export?_elements=Patient.nonsense", ASYNC, "_elements"),
    ],
)
async def test_wrong_requests_name_what_is_wrong(
    sender: httpx.AsyncClient, address: str, headers: dict[str, str], named: str
) -> None:
    answer = await sender.get(address, headers=headers)
    assert answer.status_code == 400, answer.text
    [issue] = answer.json()["issue"]
    assert named in issue["expression"][0] + issue["diagnostics"]


async def test_lenient_handling_leaves_out_what_is_unknown(sender: httpx.AsyncClient) -> None:
    headers = {"prefer": "respond-async, handling=lenient"}
    answer = await sender.get("/$export?_type=Patient,Nonsense&x=1", headers=headers)
    assert answer.status_code == 202
    assert await exported(sender, answer.headers["content-location"]) == {"Patient": ["a", "b"]}


async def test_another_client_learns_nothing(sender: httpx.AsyncClient, client: Client) -> None:
    place = await kick_off(sender)
    [file, *_] = (await manifest(sender, place))["output"]
    other = await client("institution", institution="H2")
    operator = await client("operator")
    nobody = place[:-1] + ("0" if place[-1] != "0" else "1")
    for stranger in (other, operator):
        for url in (place, file["url"], nobody):
            answer = await stranger.get(url)
            assert answer.status_code == 404
            shown = url.removeprefix("http://127.0.0.1:8080/fhir/$export-files/")
            assert answer.text.replace(shown.partition("/")[0], "") == (
                await stranger.get(nobody)
            ).text.replace(nobody.rpartition("/")[2], "")
        assert (await stranger.delete(place)).status_code == 404
    assert (await sender.get(place)).status_code == 200
    assert await exported(other, await kick_off(other, "/$export?_type=Patient")) == {}
    assert (await other.get("/Group/g/$export", headers=ASYNC)).status_code == 404
    asked = await other.get("/Patient/$export?patient=Patient/a", headers=ASYNC)
    assert asked.status_code == 404


async def test_without_a_token_nothing(sender: httpx.AsyncClient, client: Client) -> None:
    place = await kick_off(sender)
    anonymous = await client()
    for url in (
        "/$export",
        "/Patient/$export",
        "/Group/g/$export",
        place,
        f"{place}/Patient.1.ndjson",
    ):
        assert (await anonymous.get(url, headers=ASYNC)).status_code == 401


@pytest.mark.parametrize(
    ("kind", "scopes", "more"),
    [
        ("resident", "patient/*.rs", {"patient": "a", "fhir_user": "Patient/a"}),
        ("resident", "user/*.rs", {"patient": "a", "fhir_user": "Patient/a"}),
        ("staff", "user/*.rs", {"account": "doctor"}),
        ("institution", "system/*.s", {"institution": "H3"}),
        ("institution", "system/*.r", {"institution": "H3"}),
        ("institution", "system/*.cud", {"institution": "H3"}),
    ],
)
async def test_only_backend_services_with_the_scopes_export(
    client: Client, kind: str, scopes: str, more: dict[str, Any]
) -> None:
    caller = await client(kind, scopes=scopes, **more)
    for address in ("/$export", "/Patient/$export", "/Group/g/$export"):
        assert (await caller.get(address, headers=ASYNC)).status_code == 403


async def test_scopes_decide_again_when_a_file_is_fetched(
    sender: httpx.AsyncClient, client: Client
) -> None:
    place = await kick_off(sender)
    narrow = await client("institution", institution="H1", scopes="system/Practitioner.rs")
    for url in (place, f"{place}/Patient.1.ndjson", f"{place}/Practitioner.1.ndjson"):
        assert (await narrow.get(url)).status_code == 403
    refused = await narrow.get("/$export?_type=Patient", headers=ASYNC)
    assert refused.status_code == 403
    assert list(await exported(narrow, await kick_off(narrow))) == ["Practitioner"]


async def test_deleted_exports_are_gone(sender: httpx.AsyncClient) -> None:
    place = await kick_off(sender)
    assert (await sender.delete(place)).status_code == 202
    assert (await sender.get(place)).status_code == 404
    assert (await sender.get(f"{place}/Patient.1.ndjson")).status_code == 404
    assert (await sender.delete(place)).status_code == 404


async def test_only_so_many_at_a_time(sender: httpx.AsyncClient) -> None:
    places = [await kick_off(sender) for _ in range(exports.MOST)]
    refused = await sender.get("/$export", headers=ASYNC)
    assert refused.status_code == 429
    assert "retry-after" in refused.headers
    await sender.delete(places[0])
    await kick_off(sender)


async def test_each_page_is_on_record_for_those_concerned(
    sender: httpx.AsyncClient, exchange: Exchange
) -> None:
    await exported(sender, await kick_off(sender, "/$export?_type=Observation"))
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT patient, entity_count FROM audit.event WHERE interaction = 'export' ORDER BY 2"
        )
        found = await cursor.fetchall()
    assert [count for _, count in found] == [1, 1, None]
    assert len({person for person, _ in found}) == 3


async def test_the_capability_statement_says_so(sender: httpx.AsyncClient) -> None:
    statement = (await sender.get("/metadata")).json()
    [rest] = statement["rest"]
    assert "export" in {one["name"] for one in rest["operation"]}
    for name in ("Patient", "Group"):
        [resource] = [one for one in rest["resource"] if one["type"] == name]
        assert "export" in {one["name"] for one in resource["operation"]}


@given(st.lists(st.integers(1, 3 * export_lines.CHUNK // 2).map(bytes), max_size=12))
def test_a_file_goes_out_in_pieces_of_bounded_size(lines: list[bytes]) -> None:
    pieces = list(export_lines.chunks(lines))
    assert b"".join(pieces) == b"".join(lines)
    longest = max(map(len, lines), default=0)
    assert all(0 < len(piece) < export_lines.CHUNK + longest for piece in pieces)
    assert all(len(piece) >= export_lines.CHUNK for piece in pieces[:-1])
