"""POST [base]: transactions and batches. https://hl7.org/fhir/R4/http.html#transaction"""

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.caller import Caller
from hie.errors import Issue, Problem, problem
from hie.kit.db import Connection
from hie.records.accept import BeforeCommit, accept
from hie.records.bundle import bundle
from hie.records.bundle_request import ORDER, Asked
from hie.records.entry import Entry, Outcome
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.body import LARGEST_BUNDLE, read_body
from hie.rest.bundle_entry import answered, read_bundle, refused, with_distinct_addresses
from hie.rest.entry_read import entry_read, within
from hie.rest.negotiate import Return, language, preferred_return, require_fhir_body
from hie.rest.provenance import sent_provenance
from hie.rest.respond import answer, may_see_result

RESPONSES = {
    "transaction": "transaction-response",
    "batch": "batch-response",
    "history": "batch-response",
}
LAST = 1 + max(ORDER.values())


class _Unreadable(Exception):  # noqa: N818 - it carries an answer
    """A read inside a transaction failed, and with it the whole."""

    def __init__(self, status: int, outcome: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.outcome = outcome


async def post_bundle(request: Request) -> Response:
    """Carry out a transaction as a whole, or a batch or a history entry by entry."""
    caller = await authenticate(request)
    require_fhir_body(request)
    wanted = preferred_return(request, "minimal")
    base = exchange_of(request).settings.fhir_base
    kind, asked = read_bundle(await read_body(request, LARGEST_BUNDLE), f"{base}/")
    provenance = await sent_provenance(request, caller)
    try:
        if kind == "transaction":
            understood = [one for one in asked if isinstance(one, Asked)]
            entries = await _transaction(request, caller, understood, wanted, provenance)
        else:
            arranged = _arranged(asked) if kind == "batch" else range(len(asked))[::-1]
            entries = await _batch(request, caller, asked, arranged, wanted, provenance)
    except _Unreadable as failed:
        return answer(request, failed.outcome, status=failed.status)
    return answer(request, bundle(RESPONSES[kind], with_distinct_addresses(entries)))


async def _transaction(
    request: Request,
    caller: Caller,
    asked: list[Asked],
    wanted: Return,
    provenance: BeforeCommit | None,
) -> list[bytes]:
    exchange = exchange_of(request)
    for one in asked:
        if one.method == "POST" and one.entry is None:
            raise problem(
                400,
                "not-supported",
                f"'POST {one.url[:80]}' cannot be a part of a transaction; send it in a batch",
                f"“POST {one.url[:80]}”不能作为事务的一部分，请放在 batch 中",
                f"{one.expression}.request",
            )
    changes = [one.entry for one in asked if one.entry is not None]
    arranged = sorted(changes, key=lambda entry: ORDER[entry.method])
    reads: dict[int, bytes] = {}

    async def read(connection: Connection, outcomes: Sequence[Outcome]) -> None:
        if provenance is not None:
            await provenance(connection, outcomes)
        inside = within(exchange, connection)
        for number, one in enumerate(asked):
            if one.entry is None:
                status, entry = await entry_read(request, caller, one, inside)
                if status >= 400:
                    outcome = orjson.loads(entry)["response"]["outcome"]
                    outcome["issue"][0]["expression"] = [one.expression]
                    raise _Unreadable(status, orjson.dumps(outcome))
                reads[number] = entry

    outcomes = await accept(exchange, caller, arranged, before_commit=read)
    by_entry = {id(entry): outcome for entry, outcome in zip(arranged, outcomes, strict=True)}
    return [
        reads[number]
        if one.entry is None
        else _answered(request, caller, one.entry, by_entry[id(one.entry)], wanted)
        for number, one in enumerate(asked)
    ]


async def _batch(
    request: Request,
    caller: Caller,
    asked: list[Asked | Issue],
    arranged: Sequence[int],
    wanted: Return,
    provenance: BeforeCommit | None,
) -> list[bytes]:
    """The answers to the entries, in their order; carried out are they in the order `arranged`."""
    exchange = exchange_of(request)

    async def carried_out(one: Asked | Issue) -> bytes:
        if isinstance(one, Issue):
            return refused(request, Problem(400, [one]))
        if one.entry is None:
            return (await entry_read(request, caller, one, exchange))[1]
        try:
            [outcome] = await accept(exchange, caller, [one.entry], before_commit=provenance)
        except Problem as found:
            return refused(request, found)
        return _answered(request, caller, one.entry, outcome, wanted)

    done = {number: await carried_out(asked[number]) for number in arranged}
    return [done[number] for number in range(len(asked))]


def _arranged(asked: Sequence[Asked | Issue]) -> list[int]:
    """The numbers of the entries of a batch, "in the same order as … for transactions"."""
    return sorted(range(len(asked)), key=lambda number: _turn(asked[number]))


def _turn(one: Asked | Issue) -> int:
    """When an entry is carried out; operations can change something, and come before what reads."""
    if isinstance(one, Asked):
        return ORDER.get(one.method if one.entry is None else one.entry.method, LAST)
    return LAST


def _answered(
    request: Request, caller: Caller, entry: Entry, outcome: Outcome, wanted: Return
) -> bytes:
    base = exchange_of(request).settings.fhir_base
    shown = may_see_result(caller, entry.method, entry.type, wanted)
    return answered(base, outcome, shown, language(request))
