"""A browser and an app for the tests: real HTTP requests against the routes, nothing else."""

import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

BASE = "http://127.0.0.1:8080"
FHIR = f"{BASE}/fhir"
REDIRECT = "https://app.example/callback"
PASSWORD = "correct horse battery staple"
SECRET = "s" * 40
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def parameters_of(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))


def form_token_of(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def action_of(page: httpx.Response, start: str) -> str:
    found = re.search(rf'action="({re.escape(start)}[^"]*)"', page.text)
    assert found, page.text
    return found[1].replace("&amp;", "&")


def boxes_of(page: httpx.Response, *, ticked: bool = True) -> list[str]:
    tail = " checked" if ticked else ""
    found = re.findall(rf'name="scope" value="([^"]+)"{tail}>', page.text)
    return [value.replace("&amp;", "&") for value in found]


@dataclass
class App:
    """A public SMART app in a person's browser."""

    http: httpx.AsyncClient
    client_id: str = "app"
    verifier: str = field(default_factory=lambda: token_urlsafe(32))
    fhir: str = FHIR
    redirect: str = REDIRECT

    def query(
        self, scope: str = "launch/patient patient/*.rs", **changes: str | None
    ) -> dict[str, str]:
        values: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": scope,
            "state": "a state",
            "aud": self.fhir,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    async def authorize(
        self, scope: str = "launch/patient patient/*.rs", **changes: str | None
    ) -> httpx.Response:
        return await self.http.get("/oauth/authorize", params=self.query(scope, **changes))

    async def sign_in(
        self, page: httpx.Response, login: str, password: str = PASSWORD
    ) -> httpx.Response:
        return await self.http.post(
            action_of(page, "/oauth/login"),
            data={"form_token": form_token_of(page), "login": login, "password": password},
        )

    async def approve(
        self,
        page: httpx.Response,
        scopes: list[str] | None = None,
        decision: str = "approve",
        **more: str,
    ) -> httpx.Response:
        return await self.http.post(
            action_of(page, "/oauth/authorize"),
            data={
                "form_token": form_token_of(page),
                "decision": decision,
                "scope": boxes_of(page) if scopes is None else scopes,
                **more,
            },
        )

    async def approval_page(self, login: str, scope: str, **changes: str | None) -> httpx.Response:
        page = await self.authorize(scope, **changes)
        if "/oauth/login" in page.text:
            answer = await self.sign_in(page, login)
            assert answer.status_code == 303, answer.text
            page = await self.http.get(answer.headers["location"])
        return page

    async def code(
        self,
        login: str = "resident",
        scope: str = "launch/patient patient/*.rs",
        **changes: str | None,
    ) -> str:
        answer = await self.approve(await self.approval_page(login, scope, **changes))
        assert answer.status_code == 303, answer.text
        return parameters_of(answer.headers["location"])["code"]

    async def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        values: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.http.post(
            "/oauth/token", data={k: v for k, v in values.items() if v is not None}
        )

    async def tokens(
        self,
        login: str = "resident",
        scope: str = "launch/patient patient/*.rs",
        **changes: str | None,
    ) -> dict[str, Any]:
        answer = await self.redeem(await self.code(login, scope, **changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, token: str, **changes: str) -> httpx.Response:
        return await self.http.post(
            "/oauth/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": self.client_id,
                **changes,
            },
        )


@dataclass
class Backend:
    """An institution's system that signs its own assertions."""

    http: httpx.AsyncClient
    client_id: str
    key: RSAKey | ECKey
    algorithm: str
    audience: str = f"{BASE}/oauth/token"

    def claims(self, **changes: Any) -> dict[str, Any]:
        return {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "exp": int(time.time()) + 240,
            "jti": token_urlsafe(16),
            **changes,
        }

    def assertion(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        claims = {k: v for k, v in self.claims(**changes).items() if v is not None}
        headers = {"alg": self.algorithm, "kid": self.key.kid, **(header or {})}
        return jwt.encode(headers, claims, self.key, algorithms=[headers["alg"]])

    async def token(self, assertion: str | None = None, **changes: str) -> httpx.Response:
        return await self.http.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "scope": "system/*.cruds",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self.assertion() if assertion is None else assertion,
                **changes,
            },
        )


class Holder:
    """Somebody who holds a key and proves it (DPoP)."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")

    def proof(
        self,
        method: str = "POST",
        address: str = f"{BASE}/oauth/token",
        token: str | None = None,
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        claims: dict[str, Any] = {
            "htm": method,
            "htu": address,
            "iat": int(time.time()),
            "jti": token_urlsafe(12),
        }
        if token is not None:
            claims["ath"] = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
        claims.update(changes)
        headers = {
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": self.key.as_dict(private=False),
            **(header or {}),
        }
        return jwt.encode(
            headers, {k: v for k, v in claims.items() if v is not None}, self.key, ["ES256"]
        )
