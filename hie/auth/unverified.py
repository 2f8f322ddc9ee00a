"""What a signed statement says of itself, before anything of it is trusted: whose key to look for.

https://www.rfc-editor.org/rfc/rfc7515#section-5.2
"""

from collections.abc import Mapping
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError


def header_and_claims(statement: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The header and the claims of a JWT. Raises `ValueError` unless both are JSON objects."""
    try:
        parts = jws.extract_compact(statement.encode("ascii"))
    except (JoseError, AttributeError) as error:  # the latter for some headers that are no object
        raise ValueError("no signed statement") from error
    header, claims = parts.headers(), orjson.loads(parts.payload)
    if not (isinstance(header, dict) and isinstance(claims, dict)):
        raise ValueError("no header or no claims")
    return header, claims


def verified(statement: str, key: Any, algorithm: str) -> bool:
    """Whether this key signed the statement."""
    try:
        jws.deserialize_compact(statement, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True
