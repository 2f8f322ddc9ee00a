"""The token that comes with a request to the FHIR API: `Bearer …`, or `DPoP …` with its proof.

https://www.rfc-editor.org/rfc/rfc6750#section-2.1 and https://www.rfc-editor.org/rfc/rfc9449#section-7
Tokens in the query or in a form are not looked at.
"""

from hie.auth.dpop import check_proof
from hie.auth.failures import OAuthError
from hie.auth.tokens import Grant, introspect
from hie.kit.db import Connection


async def grant_of(
    conn: Connection, *, authorization: str, proofs: list[str], method: str, address: str
) -> Grant | None:
    """The grant behind an `Authorization` header, or `None` if there is none in force.

    `proofs` are the request's `DPoP` headers, `address` its address under the public base URL.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer":
        return await introspect(conn, token)
    if scheme.lower() != "dpop" or len(proofs) != 1:
        return None
    try:
        thumbprint = await check_proof(
            conn, proofs[0], method=method, address=address, access_token=token
        )
    except OAuthError:
        return None
    return await introspect(conn, token, thumbprint=thumbprint)
