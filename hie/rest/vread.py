"""GET [base]/[type]/[id]/_history/[vid]. https://hl7.org/fhir/R4/http.html#vread"""

from starlette.requests import Request
from starlette.responses import Response

from hie.records.fetch import fetch_version, missing
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.binary import version_or_content

LARGEST_VERSION = 2**31 - 1


def version_number(type_name: str, logical_id: str, text: str) -> int:
    """The version that an address names; Problem 404 for what cannot be one."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LARGEST_VERSION:
        number = int(text)
        if str(number) == text:  # ids are texts: 01 is none that was ever given
            return number
    raise missing(type_name, f"{logical_id}/_history/{text[:80]}")


async def vread(request: Request) -> Response:
    """One version of a resource."""
    caller = await authenticate(request)
    path = request.path_params
    number = version_number(path["type"], path["id"], path["version"])
    fetched = await fetch_version(exchange_of(request), caller, path["type"], path["id"], number)
    return version_or_content(request, fetched)
