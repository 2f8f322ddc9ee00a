"""The token that comes with a request to the FHIR API: `Bearer …`, or `DPoP …` with its proof.

https://www.rfc-editor.org/rfc/rfc6750#section-2.1 and https://www.rfc-editor.org/rfc/rfc9449#section-7
Tokens in the query or in a form are not looked at.
"""

from hie.auth.dpop import ALGORITHMS, check_proof
from hie.auth.failures import OAuthError
from hie.auth.tokens import Grant, introspect, token_hash
from hie.kit.db import Database

# https://www.rfc-editor.org/rfc/rfc9449#section-7.1
CHALLENGE = f'Bearer realm="fhir", DPoP realm="fhir", algs="{" ".join(ALGORITHMS)}"'
MOST_REMEMBERED = 10_000


async def grant_of(
    database: Database,
    *,
    authorization: str,
    proofs: list[str],
    method: str,
    address: str,
    certificate: str | None = None,
) -> Grant | None:
    """The grant behind an `Authorization` header, or `None` if there is none in force.

    `proofs` are the request's `DPoP` headers, `address` its address under the public base URL,
    `certificate` the thumbprint of what the sender showed to a trusted proxy.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer":
        bound = certificate and await introspect(database, token, thumbprint=certificate)
        return bound or await introspect(database, token)
    if scheme.lower() != "dpop" or len(proofs) != 1:
        return None
    try:
        async with database.connection() as connection:
            thumbprint = await check_proof(
                connection, proofs[0], method=method, address=address, access_token=token
            )
    except OAuthError:
        return None
    return await introspect(database, token, thumbprint=thumbprint)


class Remembered:
    """Grants of bearer tokens that this process has seen, so that they are read once and parsed once.

    What a token grants never changes. Whether it is still in force may change at any moment, on any
    worker: it is asked again by every request (`hie.auth.tokens.IN_FORCE`).
    """

    def __init__(self) -> None:
        self._grants: dict[bytes, Grant] = {}

    def recall(self, authorization: str) -> tuple[bytes, Grant] | None:
        """The token's hash and what it granted when it was last seen in force."""
        scheme, _, token = authorization.partition(" ")
        hashed = token_hash(token.strip()) if scheme.lower() == "bearer" else None
        grant = None if hashed is None else self._grants.get(hashed)
        return None if hashed is None or grant is None else (hashed, grant)

    def keep(self, authorization: str, grant: Grant) -> None:
        """Remember what was just found in force; tokens bound to a key are not remembered."""
        scheme, _, token = authorization.partition(" ")
        hashed = token_hash(token.strip()) if scheme.lower() == "bearer" else None
        if hashed is None:
            return
        if len(self._grants) >= MOST_REMEMBERED:
            del self._grants[next(iter(self._grants))]
        self._grants[hashed] = grant
