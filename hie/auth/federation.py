"""Residents who sign in with their region's own identity provider: OpenID Connect, code flow with PKCE.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth. Who somebody is here is decided by
the identity card number that the provider vouches for, through the master patient index, at each
sign-in anew; the provider's own subject only names the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

from authlib.integrations.base_client import OAuthError as ProviderError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError, InvalidURL
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from psycopg.rows import class_row

from hie.auth.secret import digest
from hie.kit.db import Connection, Database
from hie.settings import Settings

SECONDS = 900
"""A person needs some minutes over there."""
ALGORITHMS = ["RS256", "RS384", "ES256", "ES384", "PS256"]
CALLBACK = "/oauth/federation/callback"
SECONDS_TO_ANSWER = 10.0
LONGEST_SUBJECT = 255  # OpenID Connect Core section 2
MALFORMED = (KeyError, ValueError, TypeError, AttributeError, RecursionError)
"""What comes of a document with something missing, or of another kind than it should be."""

INSERT = """
INSERT INTO auth.federated_sign_in (hash, state, nonce, verifier, query, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))
"""
TAKE = """
DELETE FROM auth.federated_sign_in WHERE hash = %s AND state = %s AND expires_at > now()
RETURNING nonce, verifier, query
"""
UPSERT = """
INSERT INTO auth.account (login, kind, password_hash, display_name, fhir_user, patient)
VALUES (%(login)s, 'resident', '!', %(name)s, %(user)s, %(patient)s)
ON CONFLICT (login) DO UPDATE SET display_name = excluded.display_name,
    fhir_user = excluded.fhir_user, patient = excluded.patient
WHERE NOT auth.account.disabled AND auth.account.password_hash = '!'
RETURNING login
"""


class FederationFailed(Exception):  # noqa: N818 - shown to the person, with a way to try again
    """The provider's answer cannot be trusted, or does not say who the person is."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that went to the provider."""

    nonce: str
    verifier: str
    query: str
    """The authorization request of the app that waits."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What the provider says about the person."""

    subject: str
    number: str
    name: str


def _client(settings: Settings) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client_id=settings.identity_provider_client,
        client_secret=settings.identity_provider_secret,
        redirect_uri=settings.public_base_url + CALLBACK,
        scope=settings.identity_provider_scope,
        code_challenge_method="S256",
        timeout=SECONDS_TO_ANSWER,
        trust_env=False,
    )


async def _read(client: AsyncOAuth2Client, address: str) -> dict[str, Any]:
    answer = await client.request("GET", address, withhold_token=True)
    if answer.status_code != 200:
        raise FederationFailed(f"{address} answered {answer.status_code}")
    content = answer.json()
    if not isinstance(content, dict):
        raise FederationFailed(f"{address} answered with no object")
    return content


async def _metadata(client: AsyncOAuth2Client, settings: Settings) -> dict[str, Any]:
    issuer = settings.identity_provider or ""
    found = await _read(client, f"{issuer}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:  # OpenID Connect Discovery section 4.3
        raise FederationFailed("the provider names another issuer")
    return found


async def begin(database: Database, settings: Settings, cookie: str, query: str) -> str:
    """The provider's address to which this browser goes. Raises `FederationFailed`.

    While the provider is asked no connection is held: it may be slow.
    """
    state, nonce, verifier = token_urlsafe(32), token_urlsafe(32), token_urlsafe(48)
    try:
        async with _client(settings) as client:
            metadata = await _metadata(client, settings)
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=state,
                nonce=nonce,
                code_verifier=verifier,
                prompt="login",  # on a shared computer the next person must not inherit a session
            )
    except (HTTPError, InvalidURL, *MALFORMED) as error:
        raise FederationFailed("the provider cannot be reached") from error
    async with database.connection() as conn:
        await conn.execute(INSERT, (digest(cookie), state, nonce, verifier, query, SECONDS))
    return str(address)


async def take(conn: Connection, cookie: str, state: str) -> Begun | None:
    """The sign-in that this browser began with this state; one attempt for each."""
    async with conn.cursor(row_factory=class_row(Begun)) as cursor:
        await cursor.execute(TAKE, (digest(cookie), state))
        return await cursor.fetchone()


def _checked(token: str, keys: KeySet, settings: Settings, nonce: str) -> Mapping[str, Any]:
    found = jwt.decode(token, keys, algorithms=ALGORITHMS)
    jwt.JWTClaimsRegistry(
        leeway=30,
        iss={"essential": True, "value": settings.identity_provider or ""},
        aud={"essential": True, "value": settings.identity_provider_client},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        sub={"essential": True},
    ).validate(found.claims)
    return found.claims


async def redeem(settings: Settings, begun: Begun, answer: Mapping[str, str]) -> Vouched:
    """Whom the provider vouches for. Raises `FederationFailed`."""
    try:
        async with _client(settings) as client:
            metadata = await _metadata(client, settings)
            if answer.get("iss", metadata["issuer"]) != metadata["issuer"]:  # RFC 9207
                raise FederationFailed("the answer is another issuer's")
            token = await client.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=answer["code"],
                code_verifier=begun.verifier,
            )
            keys = KeySet.import_key_set(await _read(client, metadata["jwks_uri"]))  # type: ignore[arg-type]
        claims = _checked(token["id_token"], keys, settings, begun.nonce)
        vouched = Vouched(
            str(claims["sub"]),
            str(claims[settings.identity_provider_claim]),
            str(claims.get("name", "")),
        )
        if any("\0" in text for text in (vouched.subject, vouched.number, vouched.name)):
            raise FederationFailed("NUL in the claims")
        if len(vouched.subject) > LONGEST_SUBJECT:
            raise FederationFailed("the subject is too long")
        return vouched
    except (HTTPError, InvalidURL, JoseError, ProviderError, *MALFORMED) as error:
        raise FederationFailed(type(error).__name__) from error


async def keep_account(
    conn: Connection, settings: Settings, person: Vouched, patient: str
) -> str | None:
    """The login of this person's account, made or brought up to date; `None` if it is disabled."""
    cursor = await conn.execute(
        UPSERT,
        {
            "login": f"{settings.identity_provider}#{person.subject}",
            "name": person.name,
            "user": f"Patient/{patient}",
            "patient": patient,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])
