"""The server's own signing keys, for id tokens. https://openid.net/specs/openid-connect-core-1_0.html

Keys live in the database, so every worker signs with the same ones. A retired key stays in the
published set for as long as a token that it signed can be checked. Their private parts are sealed.
"""

from typing import Any

import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey

from hie.auth.sealed import SIGNING_KEY, seal, unseal
from hie.kit.db import Connection
from hie.settings import Settings

ALGORITHM = "RS256"
"""The one that OpenID Connect asks of every client; SMART asks for no more."""
RSA_BITS = 2048
PUBLISHED_AFTER_RETIREMENT = "1 day"

SELECT_CURRENT = """
SELECT kid, private_jwk FROM auth.signing_key WHERE retired_at IS NULL
ORDER BY created_at DESC, kid LIMIT 1
"""
SELECT_PUBLISHED = f"""
SELECT kid, private_jwk FROM auth.signing_key
WHERE retired_at IS NULL OR retired_at > now() - interval '{PUBLISHED_AFTER_RETIREMENT}'
ORDER BY created_at DESC, kid
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtext('auth.signing_key'))"
INSERT = "INSERT INTO auth.signing_key (kid, algorithm, private_jwk) VALUES (%s, %s, %s)"
RETIRE_OTHERS = (
    "UPDATE auth.signing_key SET retired_at = now() WHERE retired_at IS NULL AND kid <> %s"
)


def _opened(settings: Settings, kid: str, kept: bytes) -> RSAKey:
    return RSAKey.import_key(orjson.loads(unseal(settings, SIGNING_KEY, kid, kept)))


async def _make(conn: Connection, settings: Settings) -> tuple[str, RSAKey]:
    key = RSAKey.generate_key(RSA_BITS)
    kid = key.thumbprint()
    private = orjson.dumps(key.as_dict(private=True))
    await conn.execute(INSERT, (kid, ALGORITHM, seal(settings, SIGNING_KEY, kid, private)))
    return kid, key


async def _current(conn: Connection, settings: Settings) -> tuple[str, RSAKey] | None:
    cursor = await conn.execute(SELECT_CURRENT)
    row = await cursor.fetchone()
    return None if row is None else (row[0], _opened(settings, row[0], row[1]))


async def current_key(conn: Connection, settings: Settings) -> tuple[str, RSAKey]:
    """The key to sign with and its id; the first call of an installation makes it."""
    found = await _current(conn, settings)
    if found is not None:
        return found
    async with conn.transaction():
        await conn.execute(LOCK)
        return await _current(conn, settings) or await _make(conn, settings)


async def rotate_key(conn: Connection, settings: Settings) -> str:
    """Sign with a new key from now on; gives its id. The old one stays published for a day."""
    async with conn.transaction():
        await conn.execute(LOCK)
        kid, _ = await _make(conn, settings)
        await conn.execute(RETIRE_OTHERS, (kid,))
        return kid


async def public_keys(conn: Connection, settings: Settings) -> dict[str, Any]:
    """The JSON Web Key Set that `/oauth/jwks` publishes."""
    await current_key(conn, settings)
    cursor = await conn.execute(SELECT_PUBLISHED)
    keys = []
    for kid, private_jwk in await cursor.fetchall():
        public = _opened(settings, kid, private_jwk).as_dict(private=False)
        keys.append({**public, "kid": kid, "use": "sig", "alg": ALGORITHM})
    return {"keys": keys}


async def sign(conn: Connection, settings: Settings, claims: dict[str, Any]) -> str:
    """A signed JWT with these claims."""
    kid, key = await current_key(conn, settings)
    return jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, key, algorithms=[ALGORITHM])
