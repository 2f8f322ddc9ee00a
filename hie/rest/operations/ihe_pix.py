"""GET [base]/Patient/$ihe-pix. https://profiles.ihe.net/ITI/PIXm/ITI-83.html"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.cross_reference import cross_reference
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.respond import answer

KNOWN = frozenset(("sourceIdentifier", "targetSystem", "_format", "_pretty"))


async def patient_identifiers(request: Request) -> Response:
    """The other identifiers of the person who bears `sourceIdentifier`."""
    caller = await authenticate(request)
    query = request.query_params
    if unknown := sorted(set(query) - KNOWN):
        raise problem(
            400,
            "not-supported",
            f"$ihe-pix does not know the parameter {unknown[0][:80]}",
            f"$ihe-pix 不支持参数 {unknown[0][:80]}",
            unknown[0][:80],
        )
    sources = query.getlist("sourceIdentifier")
    if len(sources) != 1:
        raise problem(
            400,
            "required",
            "Send sourceIdentifier exactly once",
            "sourceIdentifier 必须且只能出现一次",
            "sourceIdentifier",
        )
    found = await cross_reference(
        exchange_of(request), caller, sources[0], query.getlist("targetSystem")
    )
    return answer(request, orjson.dumps(found))
