"""POST [base]/$process-message. https://hl7.org/fhir/R4/messageheader-operation-process-message.html

One event is understood: the patient identity feed of IHE PMIR (`hie.records.feed`).
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.records.feed import read_message, response, take
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import LARGEST_RESOURCE, read_body
from hie.rest.negotiate import require_fhir_body
from hie.rest.respond import answer


async def process_message(request: Request) -> Response:
    """Carry a message out and answer with a message."""
    caller = await authenticate(request)
    require_fhir_body(request)
    message = read_message(await read_body(request, LARGEST_RESOURCE))
    exchange = exchange_of(request)
    await take(exchange, caller, message)
    endpoint = f"{exchange.settings.fhir_base}/$process-message"
    return answer(request, orjson.dumps(response(message, endpoint)))
