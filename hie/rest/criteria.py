"""The criteria of a conditional update, patch or delete. https://hl7.org/fhir/R4/http.html#cond-update"""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from hie.rest.negotiate import FORM_PARAMETERS


def criteria(request: Request) -> str:
    """The criteria in the request's address, as sent; empty if there are none."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in FORM_PARAMETERS])


def bare(text: str | None, type_name: str) -> str | None:
    """The criteria of an If-None-Exist alone: some clients send the address before them too.

    https://hl7.org/fhir/R4/http.html#ccreate asks for "the query portion" only.
    """
    if text is None:
        return None
    before, question, query = text.partition("?")
    if question and before.rpartition("/")[2] in ("", type_name) and "=" not in before:
        return query
    return text
