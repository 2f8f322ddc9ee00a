"""The token that comes with a request to the FHIR API: `Bearer …`, or `DPoP …` with its proof.

https://www.rfc-editor.org/rfc/rfc6750#section-2.1 and https://www.rfc-editor.org/rfc/rfc9449#section-7
Tokens in the query or in a form are not looked at.
"""

from typing import Generic, TypeVar

from hie.auth.dpop import ALGORITHMS, check_proof
from hie.auth.failures import OAuthError
from hie.auth.tokens import Grant, introspect, token_hash
from hie.kit.db import Database

# https://www.rfc-editor.org/rfc/rfc9449#section-7.1
CHALLENGE = f'Bearer realm="fhir", DPoP realm="fhir", algs="{" ".join(ALGORITHMS)}"'
MOST_REMEMBERED = 10_000

Holder = TypeVar("Holder")


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


class Remembered(Generic[Holder]):
    """Holders of bearer tokens that this process has seen, so that grants are read and parsed once.

    What a token grants never changes. Whether it is still in force may change at any moment, on any
    worker: it is asked again by every request (`hie.auth.tokens.IN_FORCE`).
    """

    def __init__(self) -> None:
        self._holders: dict[bytes, Holder] = {}

    def recall(self, authorization: str) -> tuple[bytes, Holder] | None:
        """The token's hash and whom it stood for when it was last seen in force."""
        hashed = _bearer_hash(authorization)
        holder = None if hashed is None else self._holders.get(hashed)
        return None if hashed is None or holder is None else (hashed, holder)

    def keep(self, authorization: str, holder: Holder) -> None:
        """Remember who was just found in force; tokens bound to a key are not remembered."""
        hashed = _bearer_hash(authorization)
        if hashed is None:
            return
        if len(self._holders) >= MOST_REMEMBERED:
            del self._holders[next(iter(self._holders))]
        self._holders[hashed] = holder


def _bearer_hash(authorization: str) -> bytes | None:
    scheme, _, token = authorization.partition(" ")
    return token_hash(token.strip()) if scheme.lower() == "bearer" else None
