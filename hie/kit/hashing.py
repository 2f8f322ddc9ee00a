"""Keyed 64-bit hashes for index values. BLAKE2: https://www.rfc-editor.org/rfc/rfc7693

The key is the installation's secret: a sender who could compute the hash could choose an id whose
hash equals another resident's and so plant data in, or read from, that resident's record.
"""

from functools import lru_cache
from hashlib import blake2b


class Hasher:
    """Maps text to a signed 64-bit integer, the range of PostgreSQL's `bigint`."""

    def __init__(self, key: bytes) -> None:
        self.key = key

        @lru_cache(maxsize=65536)
        def compute(text: str) -> int:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
            return int.from_bytes(digest, "big", signed=True)

        self._compute = compute

    def __call__(self, text: str) -> int:
        return self._compute(text)
