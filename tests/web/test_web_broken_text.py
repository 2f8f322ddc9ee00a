"""Forms and addresses of the portals that are wrong at one place: a page says why, nothing fails.

The portals run on a real exchange here, without a browser, which would not send such things.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from auth_flow import PASSWORD, action_of, form_token_of
from broken import broken

from hie.app import Application, application_on
from hie.auth.accounts import create_account
from hie.auth.secret import hash_password
from hie.auth.tokens import mint
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.mpi.people import person_of
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution
from hie.web import session
from hie.web.portal import PORTALS, Portal
from hie.web.routes import prepare

BASE = "http://127.0.0.1:8080"
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
PATIENT = {"resourceType": "Patient", "name": [{"text": "张伟"}], "birthDate": "1980-01-01"}
INSTEAD = (b"\xff", b"%ff", b"%00", b"+%0a")

FORMS = {
    "/resident/sharing": {"who": "all", "what": "result", "until": "2030-01-01"},
    "/resident/sharing/lift": {"id": "a-consent"},
    "/resident/family/open": {"person": "somebody"},
    "/resident/family/invite": {"name": "李明", "until": "2030-01-01", "action": "read"},
    "/resident/family/look": {"code": "12345678"},
    "/resident/family/accept": {"code": "12345678"},
    "/resident/family/end": {"number": "7"},
    "/clinician": {"words": "张", "birth": "1980-01-01"},
    "/clinician/patient/{patient}/open": {"reason": "TREAT", "note": "复诊", "code": "1"},
    "/clinician/patient/{patient}/sensitive": {"note": "复诊"},
    "/steward/review/7": {"decision": "same", "note": "同一人"},
    "/steward/second/7": {"decision": "same", "note": "同一人"},
    "/reviewer/emergency/7": {"verdict": "justified", "remark": "合理"},
}
QUERIES = {
    "/resident": {"kind": "result", "institution": "A", "before": "2024-01-01"},
    "/resident/results": {"test": "http://loinc.org|718-7"},
    "/resident/log": {"own": "1", "by": "somebody"},
    "/resident/login": {"to": "/resident/log", "launch": "x"},
    "/resident/callback": {"state": "状", "code": "c", "iss": BASE},
    "/auditor": {"patient": "p", "account": "li", "from": "2024-01-01", "to": "2024-01-02"},
    "/auditor/explain": {"patient": "p", "resource": "Observation/o", "account": "li"},
    "/steward": {"done": "7"},
    "/language/zh": {"to": "/resident"},
}


async def _holder(conn: Connection, portal: Portal, patient: str, institution: int) -> str:
    """A token as the portal would have got it for the one who is signed in."""
    scopes = portal.scopes.replace("openid profile fhirUser", "openid fhirUser")
    if portal.account_kind == "resident":
        return await mint(
            conn, client_id=portal.client_id, scopes=scopes, holder="resident", patient=patient,
            fhir_user=f"Patient/{patient}", account="resident",
        )  # fmt: skip
    return await mint(
        conn, client_id=portal.client_id, scopes=scopes, holder="staff", institution=institution,
        fhir_user="Practitioner/li", account=portal.name, roles=[portal.name],
    )  # fmt: skip


@pytest.fixture
async def exchange(conninfo: str) -> AsyncIterator[Exchange]:
    settings = Settings(database_url=conninfo, public_base_url=BASE, pool_size=1)
    async with open_exchange(settings, conninfo) as opened:
        await prepare(opened)
        yield opened


@pytest.fixture
def app(exchange: Exchange) -> Application:
    return application_on(exchange)


@pytest.fixture
async def patient(app: Application, exchange: Exchange) -> str:
    """The golden id of somebody whom hospital A has registered."""
    async with exchange.store.database.transaction() as conn:
        number = (await add_institution(conn, "A", "第一人民医院")).number
        token = await mint(
            conn, client_id="A", scopes="system/*.cruds", holder="institution", institution=number
        )
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, headers=headers
    ) as sender:
        answer = await sender.post("/fhir/Patient", json=PATIENT)
        assert answer.status_code == 201, answer.text
    source = str(answer.json()["id"])
    async with exchange.store.database.connection() as conn:
        return (await person_of(conn, [source]))[source]


@pytest.fixture
async def browser(
    app: Application, exchange: Exchange, patient: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which one person of each kind is signed in."""
    cookies = {}
    async with exchange.store.database.transaction() as conn:
        number = (await add_institution(conn, "A", "第一人民医院")).number
        for portal in PORTALS:
            token = await _holder(conn, portal, patient, number)
            until = now() + timedelta(hours=1)
            content = {
                "token": {"access_token": token, "token_type": "Bearer",
                          "expires_at": int(until.timestamp())},
                "patient": patient, "user": f"Patient/{patient}", "name": "张伟",
                "openings": {}, "search": "",
            }  # fmt: skip
            kind = f"{portal.name}:signed-in"
            cookies[portal.cookie] = (await session.begin(conn, kind, content, until)).cookie
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, cookies=cookies,
        headers={"accept-language": "en"},
    ) as opened:  # fmt: skip
        yield opened


def _judge(answer: httpx.Response, what: object) -> None:
    assert answer.status_code < 500, (what, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("text/html"), (what, answer.text)
        assert 'lang="en"' in answer.text, what


async def test_forms(browser: httpx.AsyncClient, patient: str) -> None:
    for path, fields in FORMS.items():
        address, whole = path.format(patient=patient), urlencode(fields).encode()
        answer = await browser.post(address, content=whole, headers=FORM)
        print(address, answer.status_code)
        _judge(answer, address)
        for text in broken(whole, places=6, instead=INSTEAD):
            answer = await browser.post(address, content=text, headers=FORM)
            _judge(answer, (address, text))
            if b"\xff" in text or b"%ff" in text:
                assert answer.status_code == 400, (address, text)
                assert "UTF-8" in answer.text
            elif b"%00" in text:
                assert answer.status_code == 400, (address, text)


async def test_addresses(browser: httpx.AsyncClient, patient: str) -> None:
    for path, parameters in QUERIES.items():
        whole = urlencode(parameters).encode()
        answer = await browser.get(f"{path}?{whole.decode()}")
        print(path, answer.status_code)
        _judge(answer, path)
        for text in broken(whole, places=5, instead=INSTEAD[1:]):
            _judge(await browser.get(f"{path}?{text.decode()}"), (path, text))


async def test_forms_that_are_none(browser: httpx.AsyncClient, patient: str) -> None:
    """Another type, cut short, too long: the page says so."""
    part = b"--x\r\ncontent-disposition: form-data; name=id\r\n\r\n1"
    for path in FORMS:
        address = path.format(patient=patient)
        for kind in (
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain",
            "\xff",
        ):
            headers = {**FORM, "content-type": kind.encode("latin-1")}
            answer = await browser.post(address, content=part, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 400, (address, kind, answer.text)
            assert "application/x-www-form-urlencoded" in answer.text
        answer = await browser.post(address, content=b"a=" + b"b" * 2**17, headers=FORM)
        assert answer.status_code == 413
        assert "too large" in answer.text


async def test_days_at_both_ends_of_the_calendar(browser: httpx.AsyncClient, patient: str) -> None:
    for day in ("0001-01-01", "9999-12-31", "0000-00-00", "20240101", "2024-W01-1", "٢٠٢٤-٠١-٠١"):
        for query in (f"/resident?before={day}", f"/auditor?from={day}", f"/auditor?to={day}"):
            _judge(await browser.get(query), query)


async def test_addresses_with_odd_numbers_and_names(browser: httpx.AsyncClient) -> None:
    for number in ("9" * 10, "9" * 30, "9" * 5000, "-1", "%00", "%0a", "1%ff", "٣"):
        for path in ("/steward/review", "/steward/second", "/reviewer/emergency"):
            answer = await browser.get(f"{path}/{number}")
            assert answer.status_code == 404, (path, number, answer.text)
            _judge(answer, (path, number))
    for name in ("%00", "%0a", "%ff", "a b", "..", "%2e%2e", "x" * 5000, "$match", "a?b", "%5b"):
        for rest in ("", "/timeline", "/results", "/apps/x"):
            address = f"/clinician/patient/{name}{rest}"
            _judge(await browser.get(address), address)
            posted = await browser.post(address, content=b"", headers=FORM)
            assert posted.status_code < 500, (address, posted.text)


async def test_headers_of_any_bytes(browser: httpx.AsyncClient) -> None:
    for value in (b"http://[", b"http://a\xe2\x84\x80b", b"\xff", b"null", b"://", b"[" * 500):
        answer = await browser.post("/resident/sharing", headers={b"origin": value})
        assert answer.status_code == 403, (value, answer.text)
        for name in (b"accept-language", b"cookie", b"sec-fetch-site", b"host", b"user-agent"):
            for path in ("/", "/resident", "/resident/callback?state=x", "/oauth/login"):
                answer = await browser.get(path, headers={name: value})
                assert answer.status_code < 500, (name, value, answer.text)


async def test_a_sign_in_comes_back_with_any_state(browser: httpx.AsyncClient) -> None:
    for state in ("%E7%8A%B6", "%ff", "%00", "x" * 5000):
        await browser.get("/resident/login")
        answer = await browser.get(f"/resident/callback?state={state}&code=c")
        assert answer.status_code == 400, answer.text
        _judge(answer, state)


async def test_a_sign_in_needs_one_connection_at_a_time(
    browser: httpx.AsyncClient, exchange: Exchange, patient: str
) -> None:
    """However many sign in at once, none waits for a connection while it holds another."""
    async with exchange.store.database.connection() as conn:
        await create_account(
            conn, login="resident", password_hash=hash_password(PASSWORD), kind="resident",
            display_name="张伟", patient=patient,
        )  # fmt: skip
    answer = await browser.get("/resident/login")
    page = await browser.get(answer.headers["location"])
    fields = {"form_token": form_token_of(page), "login": "resident", "password": PASSWORD}
    answer = await browser.post(action_of(page, "/oauth/login"), data=fields)
    while "/resident/callback" not in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"])
    answer = await browser.get(answer.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/resident"), answer.text
