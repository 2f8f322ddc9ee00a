"""How often one network address may try to sign in, and how often it may call the OAuth endpoints.

The lock of an account stops guessing one person's password; this stops trying one password on many.
https://cheatsheetseries.owasp.org/cheatsheets/Credential_Stuffing_Prevention_Cheat_Sheet.html
"""

import math
from typing import Literal

from starlette.requests import Request

from hie.auth.exchange import rates_of, settings_of
from hie.auth.failures import TooManyRequests


def check_rate(request: Request, what: Literal["sign-in", "oauth"]) -> None:
    """Raise `TooManyRequests` if this address has asked too often in the last minute."""
    settings = settings_of(request)
    allowed = {
        "sign-in": settings.sign_ins_per_minute,
        "oauth": settings.oauth_requests_per_minute,
    }[what]
    address = request.client.host if request.client else ""
    seconds = rates_of(request).take(f"{what} {address}", allowed)
    if seconds:
        raise TooManyRequests(math.ceil(seconds))
