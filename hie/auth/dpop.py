"""Proof that the sender of a token holds a key: DPoP. https://www.rfc-editor.org/rfc/rfc9449

A token that was bound to a key is worth nothing without a fresh proof by that key; presenting it as
an ordinary bearer token fails, so a stolen copy cannot be played down.
"""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import ECKey, RSAKey

from hie.auth.failures import OAuthError
from hie.auth.jwks import import_key
from hie.auth.replay import first_use
from hie.auth.unverified import header_and_claims, verified
from hie.kit.db import Connection

ALGORITHMS = ("ES256", "ES384", "RS256")
LONGEST_LIFE = 60
CLOCK_SKEW = 5
_LONGEST_PROOF = 8192
_LONGEST_JTI = 256


def _invalid(en: str, zh: str) -> OAuthError:
    return OAuthError("invalid_dpop_proof", en, zh)


def _read(proof: str) -> tuple[RSAKey | ECKey, Mapping[str, Any]]:
    """The key that the proof names and the claims that it signed."""
    if len(proof) > _LONGEST_PROOF:
        raise _invalid("The DPoP proof is too long.", "DPoP 证明过长。")
    try:
        header, claims = header_and_claims(proof)
        algorithm, jwk = header.get("alg"), header.get("jwk")
        if header.get("typ") != "dpop+jwt" or "crit" in header:
            raise ValueError("not a DPoP proof")
        if algorithm not in ALGORITHMS or not isinstance(jwk, dict):
            raise ValueError("key or algorithm is missing")
        key = import_key(jwk, algorithm)
        if not verified(proof, key, algorithm):
            raise ValueError("the signature is wrong")
    except ValueError as error:
        raise _invalid("The DPoP proof cannot be verified.", "无法验证 DPoP 证明。") from error
    return key, claims


def _same_address(claimed: object, address: str) -> bool:
    if not isinstance(claimed, str):
        return False
    try:
        given, real = urlsplit(claimed), urlsplit(address)
    except ValueError:
        return False
    return (given.scheme.lower(), given.netloc.lower(), given.path) == (
        real.scheme.lower(),
        real.netloc.lower(),
        real.path,
    )


def _check_claims(
    claims: Mapping[str, Any], method: str, address: str, access_token: str | None
) -> tuple[str, int]:
    """The proof's own id and when it was made, if it is for this request."""
    if claims.get("htm") != method or not _same_address(claims.get("htu"), address):
        raise _invalid("The DPoP proof is for another request.", "DPoP 证明属于另一个请求。")
    made, current = claims.get("iat"), time.time()
    if not isinstance(made, int | float) or isinstance(made, bool):
        raise _invalid("iat is missing.", "缺少 iat。")
    if not current - LONGEST_LIFE - CLOCK_SKEW <= made <= current + CLOCK_SKEW:
        raise _invalid("The DPoP proof is not fresh.", "DPoP 证明已过时。")
    if access_token is not None:
        digest = urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=")
        claimed = claims.get("ath")
        if not isinstance(claimed, str) or not secrets.compare_digest(claimed.encode(), digest):
            raise _invalid("The DPoP proof is for another token.", "DPoP 证明属于另一个令牌。")
    identifier = claims.get("jti")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_JTI:
        raise _invalid("jti is missing.", "缺少 jti。")
    return identifier, int(made)


async def check_proof(
    conn: Connection, proof: str, *, method: str, address: str, access_token: str | None = None
) -> str:
    """The thumbprint of the key that proved itself for this request (RFC 7638).

    `address` is the address as the sender knows it; `access_token` the token presented with it.
    Raises `OAuthError` invalid_dpop_proof. A proof works once, whichever worker sees it.
    """
    key, claims = _read(proof)
    identifier, made = _check_claims(claims, method, address, access_token)
    thumbprint = key.thumbprint()
    expires = made + LONGEST_LIFE + 2 * CLOCK_SKEW
    if not await first_use(conn, f"dpop:{thumbprint}", identifier, expires):
        raise _invalid("The DPoP proof was used before.", "DPoP 证明已被使用过。")
    return thumbprint
