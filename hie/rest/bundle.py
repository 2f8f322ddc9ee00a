"""POST [base]: transactions and batches. https://hl7.org/fhir/R4/http.html#transaction"""

from starlette.requests import Request
from starlette.responses import Response

from hie.access.caller import Caller
from hie.errors import Problem
from hie.records.accept import accept
from hie.records.bundle import bundle
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import LARGEST_BUNDLE, read_body
from hie.rest.bundle_entry import Asked, answered, read_bundle, refused
from hie.rest.entry_read import entry_read
from hie.rest.negotiate import Return, preferred_return, require_json_body
from hie.rest.respond import answer


async def post_bundle(request: Request) -> Response:
    """Carry out a transaction as a whole, or a batch entry by entry."""
    caller = await authenticate(request)
    require_json_body(request)
    wanted = preferred_return(request, "minimal")
    kind, asked = read_bundle(await read_body(request, LARGEST_BUNDLE))
    run = _transaction if kind == "transaction" else _batch
    return answer(request, bundle(f"{kind}-response", await run(request, caller, asked, wanted)))


async def _transaction(
    request: Request, caller: Caller, asked: list[Asked], wanted: Return
) -> list[bytes]:
    exchange = exchange_of(request)
    changes = [one.entry for one in asked if one.entry is not None]
    # Deletes, then creates, then updates, and reads at the end: the order of the specification.
    order = {"DELETE": 0, "POST": 1, "PUT": 2}
    arranged = sorted(changes, key=lambda entry: order[entry.method])
    outcomes = await accept(exchange, caller, arranged) if arranged else []
    by_entry = {id(entry): outcome for entry, outcome in zip(arranged, outcomes, strict=True)}
    entries: list[bytes] = []
    for one in asked:
        if one.entry is None:
            entries.append(await entry_read(exchange, caller, one))
        else:
            outcome = by_entry[id(one.entry)]
            entries.append(answered(exchange.settings.fhir_base, outcome, wanted))
    return entries


async def _one(request: Request, caller: Caller, one: Asked, wanted: Return) -> bytes:
    exchange = exchange_of(request)
    if one.entry is None:
        return await entry_read(exchange, caller, one)
    [outcome] = await accept(exchange, caller, [one.entry])
    return answered(exchange.settings.fhir_base, outcome, wanted)


async def _batch(
    request: Request, caller: Caller, asked: list[Asked], wanted: Return
) -> list[bytes]:
    entries: list[bytes] = []
    for one in asked:
        try:
            entries.append(await _one(request, caller, one, wanted))
        except Problem as found:
            entries.append(refused(request, found))
    return entries
