"""GET /audit/roots: the daily roots of the audit trail, for everybody to note.

They are hashes of hashes and tell nothing about anybody; whoever noted one can prove later that the
trail up to that day was not changed since (`hie audit verify --root DATE=HEX`).
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hie.audit.roots import daily_roots
from hie.records.exchange import Exchange

DAYS = 400


async def audit_roots(request: Request) -> Response:
    """The roots of the last days, newest first; the present day's still changes."""
    exchange: Exchange = request.app.state.exchange
    async with exchange.store.database.connection() as connection:
        roots = await daily_roots(connection, DAYS)
    body = orjson.dumps(
        [
            {
                "date": one.day.isoformat(),
                "algorithm": one.algorithm,
                "seals": one.position,
                "root": one.root,
            }
            for one in roots
        ]
    )
    return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})


routes = [Route("/audit/roots", audit_roots, methods=["GET"])]
