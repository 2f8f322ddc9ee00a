"""User-access brands. https://hl7.org/fhir/smart-app-launch/STU2.2/brands.html"""

from typing import Any

import httpx
from auth_flow import BASE

from hie.fhir.validation import validate
from hie.kit.db import Database
from hie.store.institutions import add_institution

PATH = "/smart/brands"


async def fetch(http: httpx.AsyncClient) -> tuple[dict[str, Any], httpx.Response]:
    answer = await http.get(PATH)
    assert answer.status_code == 200
    return answer.json(), answer


def organizations(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in resources if one["resourceType"] == "Organization"]


async def test_every_institution_is_a_brand_with_portal_and_endpoint(
    http: httpx.AsyncClient, populated: Database
) -> None:
    async with populated.transaction() as connection:
        await add_institution(connection, "H1", "第一人民医院")
    bundle, answer = await fetch(http)
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert [issue for issue in validate(bundle) if issue.severity in ("error", "fatal")] == []
    assert bundle["type"] == "collection"
    endpoint = bundle["entry"][-1]["resource"]
    assert endpoint["address"] == f"{BASE}/fhir"
    assert endpoint["extension"][0]["valueCode"] == "4.0.1"
    exchange, hospital = organizations(bundle)
    assert hospital["name"] == "第一人民医院"
    assert {"system": "urn:hie:institution", "value": "H1"} in hospital["identifier"]
    for brand in (exchange, hospital):
        portal = {part["url"]: part for part in brand["extension"][0]["extension"]}
        assert portal["portalUrl"]["valueUrl"] == f"{BASE}/resident"
        assert portal["portalEndpoint"]["valueReference"]["reference"] == "Endpoint/fhir-r4"
        assert brand["endpoint"] == [{"reference": f"Endpoint/{endpoint['id']}"}]


async def test_discovery_names_exactly_one_brand(
    http: httpx.AsyncClient, populated: Database
) -> None:
    async with populated.transaction() as connection:
        await add_institution(connection, "H1", "第一人民医院")
    document = (await http.get("/fhir/.well-known/smart-configuration")).json()
    assert document["user_access_brand_bundle"] == BASE + PATH
    bundle, _ = await fetch(http)
    identifier = document["user_access_brand_identifier"]
    assert len([one for one in organizations(bundle) if identifier in one["identifier"]]) == 1


async def test_unchanged_brands_are_not_sent_again_and_a_change_shows(
    http: httpx.AsyncClient, populated: Database
) -> None:
    async with populated.transaction() as connection:
        await add_institution(connection, "H1", "第一人民医院")
    before, answer = await fetch(http)
    tag = answer.headers["etag"]
    assert tag.startswith('W/"')
    assert "max-age" in answer.headers["cache-control"]
    async with populated.transaction() as connection:
        await add_institution(connection, "H1", "第一人民医院")  # the same name is no change
    again = await http.get(PATH, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    async with populated.transaction() as connection:
        await add_institution(connection, "H1", "云溪区第一人民医院")
    renamed = await http.get(PATH, headers={"if-none-match": tag})
    assert renamed.status_code == 200
    assert renamed.json()["timestamp"] > before["timestamp"]


async def test_any_origin_may_read_and_nobody_write(http: httpx.AsyncClient) -> None:
    origin = {"origin": "https://app.example.org"}
    read = await http.get(PATH, headers=origin)
    assert read.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in read.headers
    assert "etag" in read.headers["access-control-expose-headers"]
    preflight = await http.options(
        PATH, headers={**origin, "access-control-request-headers": "if-none-match"}
    )
    assert "if-none-match" in preflight.headers["access-control-allow-headers"]
    for method in ("POST", "PUT", "DELETE"):
        assert (await http.request(method, PATH)).status_code == 405


async def test_nothing_of_people_or_clients_is_in_it(http: httpx.AsyncClient) -> None:
    _, answer = await fetch(http)
    for secret in ("golden-1", "张伟", "李医生", "血压日记"):
        assert secret not in answer.text
