"""The server's own signing keys, for id tokens. https://openid.net/specs/openid-connect-core-1_0.html

Keys live in the database, so every worker signs with the same ones. A retired key stays in the
published set for as long as a token that it signed can be checked.
"""

from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from psycopg.types.json import Jsonb

from hie.kit.db import Connection

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


async def _make(conn: Connection) -> tuple[str, RSAKey]:
    key = RSAKey.generate_key(RSA_BITS)
    kid = key.thumbprint()
    await conn.execute(INSERT, (kid, ALGORITHM, Jsonb(key.as_dict(private=True))))
    return kid, key


async def _current(conn: Connection) -> tuple[str, RSAKey] | None:
    cursor = await conn.execute(SELECT_CURRENT)
    row = await cursor.fetchone()
    return None if row is None else (row[0], RSAKey.import_key(row[1]))


async def current_key(conn: Connection) -> tuple[str, RSAKey]:
    """The key to sign with and its id; the first call of an installation makes it."""
    found = await _current(conn)
    if found is not None:
        return found
    async with conn.transaction():
        await conn.execute(LOCK)
        return await _current(conn) or await _make(conn)


async def rotate_key(conn: Connection) -> str:
    """Sign with a new key from now on; gives its id. The old one stays published for a day."""
    async with conn.transaction():
        await conn.execute(LOCK)
        kid, _ = await _make(conn)
        await conn.execute(RETIRE_OTHERS, (kid,))
        return kid


async def public_keys(conn: Connection) -> dict[str, Any]:
    """The JSON Web Key Set that `/oauth/jwks` publishes."""
    await current_key(conn)
    cursor = await conn.execute(SELECT_PUBLISHED)
    keys = []
    for kid, private_jwk in await cursor.fetchall():
        public = RSAKey.import_key(private_jwk).as_dict(private=False)
        keys.append({**public, "kid": kid, "use": "sig", "alg": ALGORITHM})
    return {"keys": keys}


async def sign(conn: Connection, claims: dict[str, Any]) -> str:
    """A signed JWT with these claims."""
    kid, key = await current_key(conn)
    return jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, key, algorithms=[ALGORITHM])
