"""FHIR in XML at the edge: everything inside the exchange is JSON. https://hl7.org/fhir/R4/xml.html"""

from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.fhir.xml import FhirXmlError, to_json, to_xml
from hie.rest.negotiate import FHIR_JSON, FHIR_XML, wants_pretty
from hie.rest.respond import failure


def from_xml(body: bytes) -> bytes:
    """The JSON text of an XML body; Problem 400 with the line, the column and the element."""
    try:
        return to_json(body)
    except FhirXmlError as error:
        raise problem(400, "structure", error.en, error.zh, error.path) from error


def as_xml(request: Request, response: Response) -> Response:
    """The same answer in XML; answers that are not FHIR stay as they are.

    406 instead if the answer holds characters that XML has no way to write.
    """
    if not response.headers.get("content-type", "").startswith(FHIR_JSON):
        return response
    response.headers["content-type"] = f"{FHIR_XML}; charset=utf-8"
    if response.body:
        pretty = wants_pretty(request)
        try:
            response.body = to_xml(bytes(response.body), pretty=pretty)
        except ValueError as error:
            refusal = problem(
                406,
                "not-supported",
                f"This answer cannot be written as XML: {error}; ask for {FHIR_JSON}",
                f"此应答无法用 XML 表示：{error}；请使用 {FHIR_JSON}",
            )
            return as_xml(request, failure(request, refusal))
        response.headers["content-length"] = str(len(response.body))
    elif "content-length" in response.headers:
        del response.headers["content-length"]  # HEAD: the length was that of the JSON text
    return response
