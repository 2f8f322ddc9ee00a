"""Signed paging cursors: stateless, and of use only to the caller who got them.

HMAC: https://www.rfc-editor.org/rfc/rfc2104. Every page is computed anew under the restriction that
holds then, so a cursor opens nothing that its bearer may not see at that moment.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

from hie.access.caller import Caller
from hie.errors import problem

TAG_LENGTH = 22


def _tag(key: bytes, caller: Caller, query: str, text: str) -> str:
    bound = "\0".join((caller.client_id, caller.account or "", caller.patient or "", query, text))
    digest = hmac.new(key, bound.encode(), sha256).digest()
    return urlsafe_b64encode(digest).decode()[:TAG_LENGTH]


def sign(key: bytes, caller: Caller, query: str, text: str) -> str:
    """`text` with a signature that binds it to the caller and the query it belongs to."""
    return _tag(key, caller, query, text) + text


def verify(key: bytes, caller: Caller, query: str, signed: str) -> str:
    """The text that was signed; Problem 400 if it was not signed for this caller and query."""
    tag, text = signed[:TAG_LENGTH], signed[TAG_LENGTH:]
    if not hmac.compare_digest(tag.encode(), _tag(key, caller, query, text).encode()):
        raise problem(
            400,
            "invalid",
            "This page link was not issued to you for this search; start from the first page",
            "该翻页链接不是为您的本次检索签发的，请从第一页重新开始",
            "_cursor",
        )
    return text
