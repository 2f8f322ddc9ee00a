"""POST [base]/Patient/$match. https://hl7.org/fhir/R4/patient-operation-match.html

In: Parameters with `resource` (Patient), `onlyCertainMatches` and `count`, or, as IHE PDQm allows,
the Patient itself (https://profiles.ihe.net/ITI/PDQm/ITI-119.html). Out: a searchset Bundle.
"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.records.identify import MOST_ANSWERS, identify
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.negotiate import language
from hie.rest.operations.parameters import parameters_of, read_resource
from hie.rest.respond import answer


async def match_patient(request: Request) -> Response:
    """The persons that fit the Patient described, best first."""
    caller = await authenticate(request)
    body = await read_resource(request)
    count, only_certain = None, False
    if body.get("resourceType") == "Parameters":
        sent = parameters_of(body, ("resource", "onlyCertainMatches", "count"))
        count, only_certain = sent.number("count"), sent.truth("onlyCertainMatches")
        body = sent.resource("resource") or {}
    if count is not None and count < 1:
        raise problem(
            400,
            "invalid",
            "The parameter 'count' must be 1 or more",
            "参数“count”应大于等于 1",
            "Parameters.parameter.where(name='count')",
        )
    found = await identify(
        exchange_of(request),
        caller,
        body,
        count=count or MOST_ANSWERS,
        only_certain=only_certain,
        language=language(request),
    )
    return answer(request, found)
