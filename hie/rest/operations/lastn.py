"""GET [base]/Observation/$lastn. https://hl7.org/fhir/R4/observation-operation-lastn.html"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.lastn import lastn
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import whole_number
from hie.rest.respond import answer
from hie.rest.search import parameters_of
from hie.rest.subset import NAMES, subset_of

LARGEST_GROUP = 1000
OWN = NAMES | {"max"}


async def observation_lastn(request: Request) -> Response:
    """The newest `max` Observations of each code, one if it is not given."""
    caller = await authenticate(request)
    pairs = parameters_of(request.url.query)
    body = await lastn(
        exchange_of(request),
        caller,
        [pair for pair in pairs if pair[0] not in OWN],
        most=whole_number(request, "max", 1, LARGEST_GROUP),
        subset=subset_of(pairs, "Observation"),
    )
    return answer(request, body)
