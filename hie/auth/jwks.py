"""Public key sets of clients. https://www.rfc-editor.org/rfc/rfc7517

SMART asymmetric clients sign with RS384 or ES384:
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

SIGNING_ALGORITHMS = ("RS384", "ES384")
_KEY_TYPE = {"RS256": "RSA", "RS384": "RSA", "ES256": "EC", "ES384": "EC"}
_CURVE = {"ES256": "P-256", "ES384": "P-384"}
_SMALLEST_RSA = 2048
_LARGEST_RSA = 8192
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def import_key(jwk: Mapping[str, Any], algorithm: str) -> RSAKey | ECKey:
    """The public key of one JWK, for this algorithm. Raises `ValueError` if it may not be used."""
    if jwk.get("kty") != _KEY_TYPE[algorithm] or jwk.get("alg", algorithm) != algorithm:
        raise ValueError(f"key is not for {algorithm}")
    if PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("key set contains private keys")
    purposes = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not (isinstance(purposes, list) and "verify" in purposes):
        raise ValueError("key is not for signatures")
    try:
        if algorithm in _CURVE:
            if jwk.get("crv") != _CURVE[algorithm]:
                raise ValueError(f"{algorithm} needs a key on the curve {_CURVE[algorithm]}")
            return ECKey.import_key(dict(jwk))
        modulus = str(jwk.get("n", ""))
        bits = int.from_bytes(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()
        if not _SMALLEST_RSA <= bits <= _LARGEST_RSA:
            raise ValueError(f"RSA keys have {_SMALLEST_RSA} to {_LARGEST_RSA} bits")
        return RSAKey.import_key(dict(jwk))
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError("key cannot be read") from error


def find_key(jwks: Mapping[str, Any], kid: str, algorithm: str) -> RSAKey | ECKey | None:
    """The key of this id and algorithm, or `None`; the first one that fits."""
    for jwk in jwks.get("keys", ()):
        if jwk.get("kid") == kid and jwk.get("kty") == _KEY_TYPE[algorithm]:
            return import_key(jwk, algorithm)
    return None


def check_public_keys(jwks: object) -> None:
    """Raise `ValueError` unless this is a set of usable public keys only, each with its own `kid`."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(k, Mapping) for k in keys):
        raise ValueError("a key set has a member `keys`, a list that is not empty")
    for jwk in keys:
        if not isinstance(jwk.get("kid"), str):
            raise ValueError("each key needs a `kid`")
        algorithm = {"RSA": "RS384", "EC": "ES384"}.get(str(jwk.get("kty")))
        if algorithm is None:
            raise ValueError("keys are RSA or EC keys")
        import_key(jwk, algorithm)
