"""Operations of the review queue, for data stewards. Definitions: docs/identity.md

GET  [base]/Patient/[golden id]/$candidates?_count=
GET  [base]/Patient/$reviews?reason=&guard=&_count=&_offset=
GET  [base]/Patient/$review?number=
POST [base]/Patient/$decide-review          number, decision, reason
GET  [base]/Patient/$second-reviews?number= without what the first reviewer decided
POST [base]/Patient/$second-opinion         number, verdict, reason
GET  [base]/Patient/$reviewer-agreement     Cohen's kappa
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.errors import problem
from hie.kit.clock import instant
from hie.mpi.opinion import VERDICTS, Agreement, Decided, Verdict
from hie.mpi.pair import DECISIONS, Decision, Pair, Side
from hie.records.candidates import candidates as other_persons
from hie.records.review import (
    Work,
    decide_review,
    open_reviews,
    review_pair,
    reviewer_agreement,
    second_opinion,
    second_reviews,
)
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import whole_number
from hie.rest.operations.parameters import Parameters, read_parameters
from hie.rest.respond import answer

MOST_LISTED = 100
MOST_CANDIDATES = 50
Parts = list[dict[str, Any]]


def _parameters(request: Request, parameters: Iterable[dict[str, Any]]) -> Response:
    given = list(parameters)
    body = {"resourceType": "Parameters", **({"parameter": given} if given else {})}
    return answer(request, orjson.dumps(body))


def _reference(name: str, patient: str) -> dict[str, Any]:
    return {"name": name, "valueReference": {"reference": f"Patient/{patient}"}}


async def candidates(request: Request) -> Response:
    """Other persons that may be this one, with grade, probability and the weights of each field."""
    caller = await authenticate(request)
    found = await other_persons(
        exchange_of(request),
        caller,
        request.path_params["id"],
        whole_number(request, "_count", 10, MOST_CANDIDATES),
    )
    listed = [
        {
            "name": "candidate",
            "part": [
                _reference("person", one.person),
                {"name": "grade", "valueCode": one.grade},
                {"name": "probability", "valueDecimal": one.probability},
                *_weights(one.parts, {}),
                *({"name": "guard", "valueCode": guard} for guard in one.guards),
            ],
        }
        for one in found
    ]
    return _parameters(request, listed)


async def reviews(request: Request) -> Response:
    """A page of the queue, the most probable first; `total` is how many pieces of work are open.

    Pairs that share a person are one piece: `persons` says how many it is about.
    """
    caller = await authenticate(request)
    shown, total = await open_reviews(
        exchange_of(request),
        caller,
        reason=request.query_params.get("reason"),
        guard=request.query_params.get("guard"),
        count=whole_number(request, "_count", 20, MOST_LISTED),
        offset=whole_number(request, "_offset", 0, 1_000_000),
    )
    listed = [{"name": "review", "part": _listed(one)} for one in shown]
    return _parameters(request, [{"name": "total", "valueInteger": total}, *listed])


def _listed(work: Work) -> Parts:
    one, part, persons = work
    doubt = one.doubt
    parts: Parts = [
        {"name": "number", "valueInteger": one.number},
        {"name": "opened", "valueInstant": instant(one.opened)},
        {"name": "reason", "valueCode": doubt.reason},
        {"name": "bits", "valueDecimal": round(doubt.bits, 2)},
        *({"name": "guard", "valueCode": guard} for guard in doubt.guards),
        _reference("person", doubt.person),
        _reference("other", doubt.other),
        {"name": "persons", "valueInteger": persons},
    ]
    if part is not None:
        parts.append({"name": "registration", "resource": _patient(part.id, part.content)})
    return parts


def _patient(id_: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **content}


async def review(request: Request) -> Response:
    """One open review: both sides, the waterfall of weights, what is suggested and possible.

    `related` are the numbers of the other open reviews that share a person with it, or with those.
    """
    caller = await authenticate(request)
    exchange = exchange_of(request)
    pair, related = await review_pair(exchange, caller, whole_number(request, "number", 0, 2**62))
    async with exchange.store.database.connection() as connection:
        names = {
            part.institution: (await exchange.institution(connection, part.institution)).name
            for side in (pair.left, pair.right)
            for part in side.registrations
        }
    others: Parts = [{"name": "related", "valueInteger": one.number} for one in related]
    return _parameters(request, [*_pair(pair, names), *others])


def _pair(pair: Pair, names: Mapping[int, str]) -> Parts:
    def side(name: str, given: Side) -> dict[str, Any]:
        registrations = [
            {
                "name": "registration",
                "part": [
                    {"name": "institution", "valueString": names[part.institution]},
                    {"name": "patient", "resource": _patient(part.id, part.content)},
                ],
            }
            for part in given.registrations
        ]
        return {"name": name, "part": [_reference("person", given.person), *registrations]}

    one = pair.review
    return [
        {"name": "number", "valueInteger": one.number},
        {"name": "opened", "valueInstant": instant(one.opened)},
        {"name": "reason", "valueCode": one.doubt.reason},
        side("left", pair.left),
        side("right", pair.right),
        {"name": "bits", "valueDecimal": round(pair.bits, 3)},
        *_weights(pair.parts, pair.levels),
        *({"name": "guard", "valueCode": guard} for guard in pair.guards),
        {"name": "suggestion", "valueCode": pair.suggestion},
        *({"name": "possible", "valueCode": decision} for decision in pair.possible),
    ]


def _weights(bits: Mapping[str, float], levels: Mapping[str, str]) -> Parts:
    return [
        {
            "name": "weight",
            "part": [
                {"name": "field", "valueCode": field},
                *([{"name": "level", "valueCode": levels[field]}] if field in levels else []),
                {"name": "bits", "valueDecimal": round(weight, 3)},
            ],
        }
        for field, weight in bits.items()
    ]


def _required_number(sent: Parameters) -> int:
    number = sent.number("number")
    if number is None:
        raise _one_of("number", ["the review's number / 条目编号"])
    return number


def _one_of(name: str, allowed: Iterable[str]) -> Exception:
    given = ", ".join(allowed)
    return problem(
        400,
        "invalid",
        f"The parameter '{name}' is required: {given}",
        f"参数“{name}”必填：{given}",
        f"Parameters.parameter.where(name='{name}')",
    )


async def decide(request: Request) -> Response:
    """Carry out a decision; out: `event` (0 if no link changed) and `person` to go on with."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "number", "decision", "reason")
    decision: Decision | None = next((d for d in DECISIONS if d == sent.text("decision")), None)
    if decision is None:
        raise _one_of("decision", DECISIONS)
    done = await decide_review(
        exchange_of(request), caller, _required_number(sent), decision, sent.text("reason")
    )
    event = {"name": "event", "valueInteger": done.event}
    return _parameters(request, [event, _reference("person", done.person)])


async def second(request: Request) -> Response:
    """Decided reviews that wait for the caller's opinion; with `number` one of them in full."""
    caller = await authenticate(request)
    number = whole_number(request, "number", 0, 2**62) or None
    found = await second_reviews(exchange_of(request), caller, number)
    listed = [{"name": "review", "part": _second(one, full=number is not None)} for one in found]
    return _parameters(request, listed)


def _second(one: Decided, *, full: bool) -> Parts:
    parts: Parts = [
        {"name": "number", "valueInteger": one.number},
        {"name": "reason", "valueCode": one.reason},
    ]
    if not full:
        return parts
    for side in ("left", "right"):
        registrations = [
            {"name": "patient", "resource": _patient(given["id"], given["content"])}
            for given in one.evidence[side]
        ]
        parts.append({"name": side, "part": registrations})
    parts.append({"name": "bits", "valueDecimal": round(one.evidence["bits"], 3)})
    parts += _weights(dict(one.evidence["parts"]), one.evidence["levels"])
    parts += [{"name": "guard", "valueCode": guard} for guard in one.evidence["guards"]]
    return parts


async def give_opinion(request: Request) -> Response:
    """Keep a second opinion; it changes no link. Out: the agreement."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "number", "verdict", "reason")
    verdict: Verdict | None = next((v for v in VERDICTS if v == sent.text("verdict")), None)
    if verdict is None:
        raise _one_of("verdict", VERDICTS)
    agreed = await second_opinion(
        exchange_of(request), caller, _required_number(sent), verdict, sent.text("reason")
    )
    return _parameters(request, _agreement(agreed))


async def agreement(request: Request) -> Response:
    """How far two reviewers of one case agree."""
    caller = await authenticate(request)
    return _parameters(request, _agreement(await reviewer_agreement(exchange_of(request), caller)))


def _agreement(agreed: Agreement) -> Parts:
    parts: Parts = [{"name": "reviews", "valueInteger": agreed.reviews}]
    if agreed.observed is not None:
        parts.append({"name": "observed", "valueDecimal": round(agreed.observed, 3)})
    if agreed.kappa is not None:
        parts.append({"name": "kappa", "valueDecimal": round(agreed.kappa, 3)})
    return parts
