"""The server's public keys, for checking id tokens. https://www.rfc-editor.org/rfc/rfc7517#section-5"""

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.answers import for_apps, json_answer
from hie.auth.exchange import database_of, settings_of
from hie.auth.keys import public_keys

PATH = "/oauth/jwks"


@for_apps
async def jwks(request: Request) -> Response:
    """The key set; may be kept for five minutes, and a retired key stays for a day."""
    async with database_of(request).connection() as conn:
        return json_answer(
            await public_keys(conn, settings_of(request)),
            headers={"cache-control": "public, max-age=300"},
        )
