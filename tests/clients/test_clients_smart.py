"""SMART and OpenID Connect clients that others wrote complete whole flows against a running server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from auth_flow import App, boxes_of, form_token_of
from chromium import launched
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from node_programs import libraries, run_node
from playwright.async_api import Browser, Page
from serving import serving
from smart_district import District, backend_key

from hie.auth.clients import create_client
from hie.auth.launch import begin_launch
from hie.kit.db import Database

SCOPE = "openid fhirUser launch/patient patient/*.rs offline_access"
PAGES = Path(__file__).parent / "app"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def files(directory: Path) -> Iterator[str]:
    """The address of a little web server for this directory."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_openid_client(district: District) -> None:
    """JavaScript: https://github.com/panva/openid-client"""
    redirect = "http://127.0.0.1:1/callback"
    await district.register("openid", redirect)
    told = await asyncio.to_thread(
        run_node, "openid_client.js", ISSUER=district.base, FHIR=district.fhir,
        CLIENT_ID="openid", REDIRECT=redirect, LOGIN=district.login, PASSWORD=district.password,
        PATIENT=district.patient,
    )  # fmt: skip
    assert told["bound"] == "dpop"
    assert told["subject"] not in (district.login, district.patient)


async def test_openid_client_as_an_app_of_staff(district: District, tmp_path: Path) -> None:
    """The same on a server that asks of staff's apps what it asks unless a setting says otherwise."""
    redirect, key = "http://127.0.0.1:1/ward", backend_key()
    async with Database(district.conninfo, size=1) as database, database.transaction() as conn:
        await create_client(
            conn, client_id="ward", name="ward", kind="asymmetric", redirect_uris=[redirect],
            scopes="openid fhirUser offline_access user/*.rs", account_kinds=["staff"],
            jwks={"keys": [{**key.as_dict(private=False), "kid": key.kid}]},
        )  # fmt: skip
    with serving(district.conninfo, tmp_path, HIE_STAFF_SECOND_FACTOR="offered") as server:
        told = await asyncio.to_thread(
            run_node, "staff_app.js", ISSUER=server.base, FHIR=f"{server.base}/fhir",
            CLIENT_ID="ward", REDIRECT=redirect, LOGIN=district.clinician,
            PASSWORD=district.password,
            KEY=orjson.dumps({**key.as_dict(private=True), "kid": key.kid}).decode(),
        )  # fmt: skip
        assert told == {
            "bound": "dpop",
            "user": f"{server.base}/fhir/Practitioner/he",
            "plain": "invalid_request",
        }


async def test_oauth4webapi_with_keys_at_an_address(district: District, tmp_path: Path) -> None:
    """JavaScript: https://github.com/panva/oauth4webapi"""
    key = backend_key()
    public = {**key.as_dict(private=False), "kid": key.kid}
    (tmp_path / "jwks.json").write_bytes(orjson.dumps({"keys": [public]}))
    with files(tmp_path) as address:
        await district.register_backend("published", f"{address}/jwks.json")
        told = await asyncio.to_thread(
            run_node, "oauth4webapi.js", ISSUER=district.base, FHIR=district.fhir,
            CLIENT_ID="published", KEY=orjson.dumps(key.as_dict(private=True)).decode(),
        )  # fmt: skip
    assert told == {"scopes": ["system/*.cruds", "system/*.cruds"]}


async def test_fhirclient_of_python(district: District) -> None:
    """Python: https://github.com/smart-on-fhir/client-py"""
    redirect = "http://127.0.0.1:1/python"
    await district.register("python", redirect)
    smart = await asyncio.to_thread(
        FHIRClient,
        settings={
            "app_id": "python", "api_base": district.fhir, "redirect_uri": redirect,
            "scope": SCOPE,
        },
    )  # fmt: skip
    address = await asyncio.to_thread(lambda: smart.authorize_url)
    async with httpx.AsyncClient(base_url=district.base, headers={"accept-language": "en"}) as http:
        app = App(http)
        answer = await app.sign_in(await http.get(address), district.login)
        page = await http.get(answer.headers["location"])
        form = {"form_token": form_token_of(page), "decision": "approve", "scope": boxes_of(page)}
        answer = await http.post(str(page.url), data=form)
    await asyncio.to_thread(smart.handle_callback, answer.headers["location"])
    assert smart.patient_id == district.patient
    assert smart.patient.name[0].text == "赵敏"
    found = await asyncio.to_thread(
        lambda: list(
            Observation.where({"patient": smart.patient_id}).perform_resources_iter(smart.server)
        )
    )
    assert [one.code.text for one in found] == ["pulse"]
    assert await asyncio.to_thread(smart.reauthorize)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(locale="en-GB")
    yield await context.new_page()
    await context.close()


@pytest.fixture(scope="session")
def smart_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app of two pages that is nothing but SMART's own library."""
    directory = tmp_path_factory.mktemp("app")
    for source in PAGES.glob("*.html"):
        (directory / source.name).write_bytes(source.read_bytes())
    library = libraries() / "node_modules" / "fhirclient" / "build" / "fhir-client.min.js"
    (directory / "fhir-client.js").write_bytes(library.read_bytes())
    with files(directory) as address:
        yield address


async def allow(page: Page, login: str, password: str) -> dict[str, Any]:
    """Sign in, allow, and read what the app shows."""
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", password)
    await page.click("button.main")
    await page.click("button[value=approve]")
    await page.wait_for_selector("#told:not(:empty)")
    told: dict[str, Any] = orjson.loads(await page.inner_text("#told"))
    assert "error" not in told, told
    return told


async def test_fhirclient_of_smart_in_a_browser(
    district: District, smart_app: str, page: Page
) -> None:
    """JavaScript: https://github.com/smart-on-fhir/client-js — standalone launch"""
    await district.register("browser", f"{smart_app}/index.html")
    await page.goto(f"{smart_app}/launch.html?iss={district.fhir}")
    told = await allow(page, district.login, district.password)
    assert told["patient"] == district.patient
    assert told["user"] == f"Patient/{district.patient}"
    assert told["name"] == "赵敏"
    assert told["results"] == ["pulse"]
    assert told["refreshed"] is True


async def test_fhirclient_of_smart_launched_on_a_patient(
    district: District, smart_app: str, page: Page
) -> None:
    """EHR launch by a clinician who has opened the record."""
    await district.register("launched", f"{smart_app}/index.html")
    async with Database(district.conninfo, size=1) as database, database.transaction() as conn:
        await conn.execute(
            "INSERT INTO access.opened_record (account, client_id, patient, reason, note, opened, "
            "until) VALUES (%s, 'x', %s, 'TREAT', '', now(), now() + interval '1 hour')",
            (district.clinician, district.patient),
        )
        begun = await begin_launch(
            conn, client_id="launched", account=district.clinician, patient=district.patient,
            parameters={"need_patient_banner": True, "intent": "summary"},
        )  # fmt: skip
    await page.goto(f"{smart_app}/launch.html?iss={district.fhir}&launch={begun}&client=launched")
    told = await allow(page, district.clinician, district.password)
    assert told["patient"] == district.patient
    assert told["user"] == "Practitioner/he"
    assert told["banner"] is True
    assert told["results"] == ["pulse"]
