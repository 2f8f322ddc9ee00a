"""Operations of data stewards on links, all undoable. Definitions: docs/identity.md

POST [base]/Patient/[golden id]/$link, $unlink, $merge, $unmerge, $not-duplicate; in: Parameters
with `patient` (a source Patient) or `other` (a golden Patient) and `reason`; out: Parameters with
`event`, its number in the journal, and `person`, the golden Patient to go on with.
"""

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.kit.clock import instant
from hie.kit.db import Connection
from hie.mpi import steward
from hie.mpi.people import linked
from hie.mpi.steward import Done, PastEvent
from hie.records.disclosure import event
from hie.records.fetch import missing
from hie.records.link_provenance import Interaction
from hie.records.relink import Act, relink, require_reason, require_steward
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.operations.parameters import Parameters, read_parameters
from hie.rest.respond import answer

Endpoint = Callable[[Request], Awaitable[Response]]
Prepare = Callable[[Request, str, Parameters, str, str], Act]


def _link(_: Request, golden: str, sent: Parameters, actor: str, reason: str) -> Act:
    patient = sent.patient("patient")

    async def act(connection: Connection) -> Done:
        return await steward.link(connection, patient, golden, actor=actor, reason=reason)

    return act


def _unlink(request: Request, golden: str, sent: Parameters, actor: str, reason: str) -> Act:
    patient = sent.patient("patient")
    hasher = exchange_of(request).store.hasher

    async def act(connection: Connection) -> Done:
        return await steward.unlink(connection, hasher, patient, golden, actor=actor, reason=reason)

    return act


def _merge(_: Request, golden: str, sent: Parameters, actor: str, reason: str) -> Act:
    other = sent.patient("other")

    async def act(connection: Connection) -> Done:
        return await steward.merge(connection, golden, other, actor=actor, reason=reason)

    return act


def _unmerge(_: Request, golden: str, sent: Parameters, actor: str, reason: str) -> Act:
    other = sent.patient("other")

    async def act(connection: Connection) -> Done:
        number = await steward.merge_of(connection, golden, other)
        if number is None:
            raise problem(
                404,
                "not-found",
                f"Patient/{other} is not merged into Patient/{golden}",
                f"Patient/{other} 未合并到 Patient/{golden}",
            )
        return await steward.unmerge(connection, number, actor=actor, reason=reason)

    return act


def _not_duplicate(_: Request, golden: str, sent: Parameters, actor: str, reason: str) -> Act:
    other = sent.patient("other")

    async def act(connection: Connection) -> Done:
        return await steward.not_duplicate(connection, golden, other, actor=actor, reason=reason)

    return act


def _operation(interaction: Interaction, name: str, prepare: Prepare) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = await authenticate(request)
        actor = require_steward(caller, "u")
        sent = await read_parameters(request, name, "reason")
        reason = require_reason(sent.text("reason"))
        act = prepare(request, request.path_params["id"], sent, actor, reason)
        done = await relink(exchange_of(request), caller, interaction, reason, act)
        body = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "event", "valueInteger": done.event},
                {"name": "person", "valueReference": {"reference": f"Patient/{done.person}"}},
            ],
        }
        return answer(request, orjson.dumps(body))

    return endpoint


link_registration = _operation("link", "patient", _link)
unlink_registration = _operation("unlink", "patient", _unlink)
merge_persons = _operation("merge", "other", _merge)
unmerge_persons = _operation("unmerge", "other", _unmerge)
mark_not_duplicate = _operation("not-duplicate", "other", _not_duplicate)


async def link_history(request: Request) -> Response:
    """GET [base]/Patient/[golden id]/$link-history: every event of the person, oldest first."""
    caller = await authenticate(request)
    require_steward(caller, "r")
    golden = request.path_params["id"]
    exchange = exchange_of(request)
    async with exchange.store.database.connection() as connection:
        if golden not in await linked(connection, [golden]):
            raise missing("Patient", golden)
        past = await steward.history(connection, golden)
    await exchange.audit.record(
        event(caller, "R", "link-history", golden, entity_type="Patient", entity_id=golden)
    )
    body = {"resourceType": "Parameters", "parameter": [_shown(one) for one in past]}
    return answer(request, orjson.dumps(body))


def _shown(one: PastEvent) -> dict[str, object]:
    parts: list[dict[str, object]] = [
        {"name": "event", "valueInteger": one.number},
        {"name": "at", "valueInstant": instant(one.at)},
        {"name": "kind", "valueCode": one.kind},
        {"name": "person", "valueReference": {"reference": f"Patient/{one.person}"}},
    ]
    if one.other:
        parts.append({"name": "other", "valueReference": {"reference": f"Patient/{one.other}"}})
    parts += [
        {"name": "registration", "valueReference": {"reference": f"Patient/{id_}"}}
        for id_ in one.registrations
        if not id_.startswith(steward.REDIRECTS)
    ]
    parts += [
        {"name": "actor", "valueString": one.actor},
        {"name": "reason", "valueString": one.reason},
    ]
    if one.bits is not None:
        parts.append({"name": "bits", "valueDecimal": one.bits})
    if one.undoes is not None:
        parts.append({"name": "undoes", "valueInteger": one.undoes})
    return {"name": "change", "part": parts}
