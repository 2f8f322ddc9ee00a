"""Key sets of clients that publish them at an address (`jwks_uri`).

Only an operator registers such an address. Even so the call is guarded (`hie.kit.egress`). What was
found is kept in the database for all workers, and asked for again when it is old or a key is missing.
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys
"""

import logging
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from hie.auth.clients import Client
from hie.auth.jwks import PRIVATE_MEMBERS
from hie.kit.db import Connection
from hie.kit.egress import Unreachable, call

MOST_KEYS = 100

# One worker asks at a time, and not more often than every ten seconds for one client.
TAKE_TURN = """
UPDATE auth.client SET jwks_asked_at = now()
WHERE id = %(id)s AND (jwks_asked_at IS NULL OR jwks_asked_at < now() - interval '10 seconds')
  AND (%(missing)s OR jwks_asked_at IS NULL OR jwks_asked_at < now() - interval '5 minutes')
RETURNING id
"""
KEEP = "UPDATE auth.client SET jwks = %s WHERE id = %s AND jwks_uri = %s"

_log = logging.getLogger(__name__)


async def fetch_keys(uri: str) -> dict[str, Any]:
    """The public keys at the address. Raises `Unreachable`. Plain http is for loopback only."""
    answer = await call("GET", uri, headers={"accept": "application/json"}, trusted=True)
    if answer.status != 200:
        raise Unreachable(f"the answer's status is {answer.status}")
    try:
        keys = orjson.loads(answer.body)["keys"]
        usable = [key for key in keys[:MOST_KEYS] if not PRIVATE_MEMBERS & key.keys()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable("the answer is no key set") from error
    return {"keys": usable}


async def keys_of(conn: Connection, client: Client, kid: str) -> dict[str, Any]:
    """The client's key set; one that lives at an address is fetched if it is old or lacks `kid`."""
    known = client.jwks or {"keys": []}
    if client.jwks_uri is None:
        return known
    missing = all(key.get("kid") != kid for key in known["keys"])
    turn = await conn.execute(TAKE_TURN, {"id": client.id, "missing": missing})
    if turn.rowcount != 1:
        return known
    try:
        fetched = await fetch_keys(client.jwks_uri)
    except Unreachable as error:
        _log.warning("Keys of client %s cannot be fetched: %s", client.id, error)
        return known
    await conn.execute(KEEP, (Jsonb(fetched), client.id, client.jwks_uri))
    return fetched
