"""The key that a caller of an OAuth endpoint proves to hold. https://www.rfc-editor.org/rfc/rfc9449#section-5"""

from starlette.requests import Request

from hie.auth.dpop import check_proof
from hie.auth.failures import OAuthError
from hie.kit.db import Connection


async def proven_key(conn: Connection, request: Request, address: str) -> str | None:
    """The thumbprint of the key, `None` if no proof was sent. Raises `OAuthError`."""
    proofs = request.headers.getlist("dpop")
    if not proofs:
        return None
    if len(proofs) > 1:
        raise OAuthError(
            "invalid_dpop_proof", "One DPoP proof at a time.", "一次只能提交一个 DPoP 证明。"
        )
    return await check_proof(conn, proofs[0], method=request.method, address=address)
