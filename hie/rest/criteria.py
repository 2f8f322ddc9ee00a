"""The criteria of a conditional update, patch or delete. https://hl7.org/fhir/R4/http.html#cond-update"""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from hie.rest.negotiate import FORM_PARAMETERS


def criteria(request: Request) -> str:
    """The criteria in the request's address, as sent; empty if there are none."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in FORM_PARAMETERS])
