"""A request that is wrong at any one place is refused with a reason, and never makes the server fail.

Apps read an error as JSON (https://www.rfc-editor.org/rfc/rfc6749#section-5.2), people a page in
their language. What is sent may have been cut off, lost a byte or come in another encoding.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pyotp
import pytest
from auth_flow import PASSWORD, REDIRECT, SECRET, App, Backend, Holder, action_of, form_token_of
from broken import broken
from joserfc.jwk import ECKey

from hie.auth.second_factor import give_second_factor
from hie.kit.db import Database
from hie.settings import Settings

FORM = "application/x-www-form-urlencoded"
CHINESE = re.compile("[\u4e00-\u9fff]")
APP = {
    "client_name": "血压日记",
    "redirect_uris": ["https://app.example/a", "http://[::1]/a"],
    "token_endpoint_auth_method": "none",
    "scope": "patient/*.rs",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that is right as it stands; `text` is its body, or the query of a GET."""

    path: str
    text: bytes
    method: str = "POST"
    media_type: str = FORM


def _form(**fields: str) -> bytes:
    return urlencode(fields).encode()


async def _send(http: httpx.AsyncClient, sent: Sent, text: bytes) -> httpx.Response:
    if sent.method == "GET":  # where the server itself refuses bytes that are not ASCII
        query = text.replace(b"\xff", b"%ff").decode()
        return await http.get(f"{sent.path}?{query}")
    return await http.post(sent.path, content=text, headers={"content-type": sent.media_type})


def _refusal_for_apps(answer: httpx.Response) -> None:
    said = answer.json()
    assert re.fullmatch("[a-z_]+", said["error"]), said
    assert said["error_description"].isascii()
    assert CHINESE.search(said["error_description_zh"]), said


def _refusal_for_people(answer: httpx.Response) -> None:
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    assert answer.headers["content-language"] == "en"
    assert '<html lang="en"' in answer.text, answer.text[:300]


TO_APPS = {
    "token": Sent("/oauth/token", _form(
        grant_type="authorization_code", code="c" * 43, client_id="app", redirect_uri=REDIRECT,
        code_verifier="v" * 43)),
    "introspect": Sent("/oauth/introspect", _form(
        token="t" * 43, client_id="portal", client_secret=SECRET)),
    "revoke": Sent("/oauth/revoke", _form(token="t" * 43, client_id="portal", client_secret=SECRET)),
    "push": Sent("/oauth/par", _form(
        **App(httpx.AsyncClient()).query("launch/patient patient/*.rs", state="状态"))),
    "register": Sent("/oauth/register", orjson.dumps(APP), media_type="application/json"),
}  # fmt: skip


@pytest.mark.parametrize("name", TO_APPS)
async def test_what_apps_send(http: httpx.AsyncClient, name: str) -> None:
    sent = TO_APPS[name]
    whole = await _send(http, sent, sent.text)
    assert whole.status_code < 300 or whole.json()["error"] == "invalid_grant", whole.text
    for text in broken(sent.text, places=40):
        answer = await _send(http, sent, text)
        assert answer.status_code < 500 or answer.json()["error"] == "temporarily_unavailable", text
        if answer.status_code >= 400:
            _refusal_for_apps(answer)
        if b"\xff" in text:
            said = answer.json()["error_description"]
            assert "UTF-8" in said if sent.media_type == FORM else "line 1" in said, said
        if b"%00" in text and b"state" not in text and sent.media_type == FORM:
            assert "holds a NUL" in answer.text, answer.text


async def test_assertions_that_are_no_assertions(http: httpx.AsyncClient, backend: Backend) -> None:
    whole = backend.assertion()
    answers = [await backend.token(text.decode("latin-1")) for text in broken(whole.encode())]
    assert {answer.status_code for answer in answers} == {401}
    assert (await backend.token(whole)).status_code == 200


def _segment(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


NO_HEADERS: list[bytes] = [
    b'["alg"]', b'"alg"', b"5", b"null", b"{}", b"[" * 300, b'{"alg":["RS384"],"kid":"rsa"}',
    b'{"alg":"RS384","kid":{}}', b'{"alg":"RS384","kid":"rsa","b64":0}', b"\xff",
]  # fmt: skip


async def test_headers_that_are_none(http: httpx.AsyncClient, backend: Backend) -> None:
    for header in NO_HEADERS:
        statement = ".".join((_segment(header), _segment(orjson.dumps(backend.claims())), "AAAA"))
        assert (await backend.token(statement)).status_code == 401
        answer = await http.post(
            "/oauth/token", data={"client_id": "app"}, headers={"dpop": statement}
        )
        assert answer.status_code == 400, answer.text


ODD_CLAIMS: list[tuple[str, Any]] = [
    ("iss", "\0"), ("iss", ["hospital"]), ("aud", {}), ("exp", "soon"), ("exp", 1e300),
    ("nbf", []), ("iat", "x"), ("jti", {}), ("jti", 5),
]  # fmt: skip


async def test_odd_claims(backend: Backend) -> None:
    for claim, value in ODD_CLAIMS:
        answer = await backend.token(backend.assertion(**{claim: value}))
        assert answer.status_code == 401, answer.text
        _refusal_for_apps(answer)


ODD_PROOFS: list[tuple[str, Any]] = [
    ("htu", "http://["), ("htu", "http://a℀b/"), ("htu", {}), ("htm", []), ("iat", "x"),
    ("iat", 1e300), ("jti", {}), ("jti", ""),
]  # fmt: skip


async def test_odd_proofs(http: httpx.AsyncClient) -> None:
    for claim, value in ODD_PROOFS:
        proof = Holder().proof(**{claim: value})
        fields = {"client_id": "app", "grant_type": "authorization_code", "code": "c"}
        answer = await http.post("/oauth/token", data=fields, headers={"dpop": proof})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_dpop_proof"


ODD_KEYS: list[dict[str, Any]] = [
    {"key_ops": 5}, {"key_ops": "verify"}, {"use": []}, {"kty": []}, {"crv": {}}, {"x": 5},
    {"x": "\u00e9"}, {"x": ""}, {"y": None}, {"alg": {}}, {"kid": []}, {"kid": "\0"},
    {"x5c": ["\0"]}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "n": 5, "e": 5}, {"kty": "RSA", "n": "_" * 343, "e": "AA"},
    {"kty": "RSA", "n": "_" * 343, "e": []},
]  # fmt: skip


async def test_odd_keys(http: httpx.AsyncClient) -> None:
    for change in ODD_KEYS:
        key = ECKey.generate_key("P-384", {"kid": "odd"})
        jwk = {**key.as_dict(private=False), **change}
        metadata = {**APP, "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [jwk]}}
        answer = await http.post("/oauth/register", content=orjson.dumps(metadata))
        assert answer.status_code == 400, answer.text
        _refusal_for_apps(answer)
        fields = {"client_id": "app", "grant_type": "authorization_code", "code": "c"}
        parts = ({"typ": "dpop+jwt", "alg": "ES384", "jwk": jwk}, {"htm": "POST"})
        signed = f"{'.'.join(_segment(orjson.dumps(part)) for part in parts)}.AAAA"
        answer = await http.post("/oauth/token", data=fields, headers={"dpop": signed})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_dpop_proof"


ODD_METADATA: list[dict[str, Any]] = [
    {"redirect_uris": ["https://["]}, {"redirect_uris": ["https://a℀b/"]},
    {"redirect_uris": [5]}, {"redirect_uris": {}}, {"redirect_uris": [{}]},
    {"client_name": "\0"}, {"client_name": {}}, {"scope": []}, {"scope": "patient/*.rs?a=%00"},
    {"grant_types": [[]]}, {"grant_types": "x"}, {"response_types": {}}, {"jwks": 5}, {"jwks": []},
    {"token_endpoint_auth_method": []}, {"token_endpoint_auth_method": "private_key_jwt", "jwks": 5},
    {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [5]}},
]  # fmt: skip


async def test_odd_metadata(http: httpx.AsyncClient) -> None:
    for change in ODD_METADATA:
        answer = await http.post("/oauth/register", content=orjson.dumps({**APP, **change}))
        assert answer.status_code == 400, answer.text
        _refusal_for_apps(answer)


DEPTHS: list[int] = [100, 500, 1000, 5000]


async def test_metadata_nested_deeply(http: httpx.AsyncClient) -> None:
    for depth in DEPTHS:
        key = ECKey.generate_key("P-384", {"kid": "deep"})
        jwk = (
            orjson.dumps(key.as_dict(private=False))[:-1]
            + b',"more":'
            + b"[" * depth
            + b"]" * depth
        )
        start = orjson.dumps({**APP, "token_endpoint_auth_method": "private_key_jwt"})[:-1]
        answer = await http.post(
            "/oauth/register", content=start + b',"jwks":{"keys":[' + jwk + b"}]}}"
        )
        assert answer.status_code == (201 if depth == 100 else 400), answer.text


async def test_broken_authorization_header(http: httpx.AsyncClient) -> None:
    whole = b"Basic cG9ydGFsOnNzc3M="
    for value in broken(whole):
        headers = {b"authorization": value.strip(), b"content-type": FORM.encode()}
        answer = await http.post("/oauth/introspect", content=b"token=t", headers=headers)
        assert answer.status_code in (400, 401), (value, answer.text)
        _refusal_for_apps(answer)


async def test_the_way_of_a_person(http: httpx.AsyncClient, app: App) -> None:
    """Every query and form from the first address to the approval, with damage, and then whole."""
    query = urlencode(app.query("launch/patient patient/*.rs", state="状态")).encode()
    await _try(http, Sent("/oauth/authorize", query, "GET"))
    await _try(http, Sent("/oauth/authorize", query))
    await _try(http, Sent("/oauth/login", query, "GET"))
    page = await app.authorize("launch/patient patient/*.rs")
    fields = {"form_token": form_token_of(page), "login": "resident", "password": "x"}
    path = f"/oauth/login?{query.decode()}"
    for text in broken(_form(**fields), places=10):
        _judge(await _send(http, Sent(path, text), text), text)
    # What was tried has locked the account: another person goes on.
    page = await app.authorize("launch/patient patient/*.rs")
    answer = await app.sign_in(page, "other", PASSWORD)
    assert answer.status_code == 303
    page = await http.get(answer.headers["location"])
    decision = {"form_token": form_token_of(page), "decision": "refuse", "scope": "patient/*.rs"}
    await _try(http, Sent(f"/oauth/authorize?{query.decode()}", _form(**decision)))
    ended = {"form_token": form_token_of(page), "browser": "00" * 32}
    await _try(http, Sent("/oauth/account", _form(**ended)))
    ended = {"form_token": form_token_of(page), "application": "0" * 32}
    await _try(http, Sent("/oauth/account", _form(**ended)))
    answer = await http.post("/oauth/logout", data={"form_token": form_token_of(page)})
    assert answer.status_code == 200


async def _try(http: httpx.AsyncClient, sent: Sent) -> None:
    _judge(await _send(http, sent, sent.text), sent.text)
    for text in broken(sent.text, places=15):
        _judge(await _send(http, sent, text), text)


def _judge(answer: httpx.Response, text: bytes) -> None:
    assert answer.status_code < 500, (text, answer.text)
    if answer.status_code >= 400:
        _refusal_for_people(answer)
    if b"\xff" in text or b"%ff" in text:
        assert "UTF-8" in answer.text, (text, answer.headers, answer.text)


TOKENS: list[str] = ["\u00e9", "\ud7ff", "x" * 5000, "\u4e2d" * 64]


async def test_a_form_token_of_any_text(http: httpx.AsyncClient) -> None:
    for token in TOKENS:
        await http.get("/oauth/login")
        answer = await http.post("/oauth/login", data={"form_token": token, "login": "resident"})
        assert answer.status_code == 403
        _refusal_for_people(answer)


PROVIDER: list[bytes] = [b"state=%00", b"state=%ff", b"code=%00", b"state=a&state=b"]


async def test_answers_of_a_provider(http: httpx.AsyncClient) -> None:
    for query in PROVIDER:
        answer = await _send(http, Sent("/oauth/federation/callback", query, "GET"), query)
        assert answer.status_code in (400, 403)
        _refusal_for_people(answer)


COOKIES: list[bytes] = [b"hie_login=\xff", b'hie_login="', b"hie_login", b"=", b"\xff" * 99]


async def test_cookies_of_any_bytes(browser: Callable[[], httpx.AsyncClient]) -> None:
    for cookie in COOKIES:
        for path in ("/oauth/login", "/oauth/account", "/oauth/federation/callback"):
            answer = await browser().get(path, headers={b"cookie": cookie})
            assert answer.status_code < 500, answer.text
        answer = await browser().post(
            "/oauth/login", data={"form_token": "x"}, headers={b"cookie": cookie}
        )
        assert answer.status_code == 403, answer.text


async def test_codes_of_a_second_factor(
    http: httpx.AsyncClient, app: App, populated: Database
) -> None:
    async with populated.connection() as conn:
        await give_second_factor(conn, Settings(), "doctor", pyotp.random_base32())
    page = await app.authorize("user/*.rs")
    answer = await app.sign_in(page, "doctor")
    page = await http.get(answer.headers["location"])
    path = action_of(page, "/oauth/login/code")
    token = form_token_of(page)
    await _try(http, Sent(path, _form(form_token=token, code="123 456")))
    for code in ("١٢٣٤٥٦", "²²²²²²", "9" * 5000, "-12345", "1e5555", "ｅ12345"):
        answer = await http.post(path, data={"form_token": token, "code": code})
        assert answer.status_code == 401, answer.text
    enrolment = path.replace("/code", "/enrol")
    await _try(http, Sent(enrolment, _form(form_token=token, code="123 456")))
