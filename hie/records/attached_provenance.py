"""The Provenance that a sender attaches to a change. https://hl7.org/fhir/R4/provenance.html#header

It is stored in the transaction of the change, by the same door and under the same permissions as if it
had been sent by itself; the exchange fills in the versions that it is about.
"""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from hie.access.caller import Caller
from hie.errors import Problem, problem
from hie.fhir.json_text import read_json
from hie.kit.db import Connection
from hie.records.accept import BeforeCommit, accept_in
from hie.records.entry import Entry, Outcome
from hie.records.exchange import Exchange
from hie.records.prepare import prepare

TYPE = "Provenance"
DELETED = 204
LATER = [{"display": "what is going to be written"}]


async def attached(exchange: Exchange, caller: Caller, text: bytes, place: str) -> BeforeCommit:
    """What stores the Provenance `text` beside the changes; `place` stands for it in messages.

    Without a change there is nothing to store. Problem 400 if it cannot be read or has targets of
    its own, 403 if the caller may not create it, 422 if it is invalid.
    """
    members = _members(text, place)
    try:
        await prepare(caller, [_entry(members, LATER, place)])
    except Problem as found:
        raise _placed(found, place) from found

    async def store(connection: Connection, outcomes: Sequence[Outcome]) -> None:
        targets = [
            {"reference": f"{outcome.type}/{outcome.id}/_history/{outcome.version}"}
            for outcome in outcomes
            if outcome.changed and outcome.status != DELETED
        ]
        if targets:
            entry = _entry(members, targets, place)
            try:
                await accept_in(connection, exchange, caller, [entry])
            except Problem as found:
                raise _placed(found, place) from found

    return store


def _members(text: bytes, place: str) -> bytes:
    """What stands between the braces; it is passed on as it was sent."""
    resource = read_json(text, place)
    if not isinstance(resource, dict) or resource.get("resourceType") != TYPE:
        raise problem(
            400,
            "invalid",
            "The header has to be a Provenance resource in JSON",
            "该请求头须为 JSON 格式的 Provenance 资源",
            place,
        )
    if "target" in resource:
        raise problem(
            400,
            "invalid",
            "Leave out the target: the exchange fills in what the request writes",
            "请勿填写 target：平台会填入本次请求所写入的资源",
            f"{place}.target",
        )
    return text.strip()[1:]


def _entry(members: bytes, targets: Sequence[object], place: str) -> Entry:
    body = b'{"target":%s,%s' % (orjson.dumps(targets), members)
    return Entry("POST", TYPE, body=body, expression=place)


def _placed(found: Problem, place: str) -> Problem:
    inside = f"{place}.resource"
    return Problem(
        found.status,
        [
            replace(issue, expression=(issue.expression or place).replace(inside, place, 1))
            for issue in found.issues
        ],
    )
