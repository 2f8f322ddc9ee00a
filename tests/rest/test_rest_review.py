"""The review queue over HTTP: what is shown, decided, asked twice, and who may."""

from typing import Any

import orjson
import pytest
from tests_rest_samples import patient

from hie.fhir.validation import validate
from hie.mpi import opinion
from hie.mpi.people import person_of

STEWARD: dict[str, Any] = {
    "institution": "A",
    "scopes": "user/Patient.rus",
    "account": "gao.jie",
    "fhir_user": "Practitioner/gao-jie",
    "roles": ("steward",),
}
COLLEAGUE = {**STEWARD, "account": "shen.yue", "fhir_user": "Practitioner/shen-yue"}
GETS = ("$reviews", "$review?number=1", "$second-reviews", "$reviewer-agreement")
POSTS = ("$decide-review", "$second-opinion")


def body(**values: Any) -> bytes:
    given = [
        {"name": name, "valueInteger" if isinstance(value, int) else "valueString": value}
        for name, value in values.items()
    ]
    return orjson.dumps({"resourceType": "Parameters", "parameter": given})


def values(part: dict[str, Any] | list[dict[str, Any]], name: str) -> list[Any]:
    """The values, resources or parts under a name."""
    parts = part if isinstance(part, list) else part.get("part", part.get("parameter", []))
    return [
        next(value for key, value in one.items() if key != "name")
        for one in parts
        if one["name"] == name
    ]


@pytest.fixture
async def twins(client, exchange) -> dict[str, str]:
    """Twins at one phone: t1 at A, t2 at B; whether they are one child is open."""
    for code, name in (("A", "王雨欣"), ("B", "王雨桐")):
        sender = await client("institution", institution=code)
        logical_id = "t1" if code == "A" else "t2"
        sent = patient(logical_id, name, institution=code, phone="19900001234")
        assert (await sender.put(f"/Patient/{logical_id}", content=sent)).status_code == 201
    async with exchange.store.database.connection() as connection:
        found = await person_of(connection, ["t1", "t2"])
    assert found["t1"] != found["t2"]
    return found


async def opened(steward) -> dict[str, Any]:
    """The only entry of the queue."""
    answer = await steward.get("/Patient/$reviews")
    assert answer.status_code == 200, answer.text
    assert validate(answer.json()) == []
    assert values(answer.json(), "total") == [1]
    (listed,) = (one for one in answer.json()["parameter"] if one["name"] == "review")
    return listed


async def test_a_pair_is_shown_with_its_weights(client, exchange, twins) -> None:
    steward = await client("staff", **STEWARD)
    listed = await opened(steward)
    (number,) = values(listed, "number")
    assert values(listed, "registration")[0]["name"][0]["text"] == "王雨桐"
    answer = await steward.get(f"/Patient/$review?number={number}")
    pair = answer.json()
    assert validate(pair) == []
    sides = {
        side: [
            (values(one, "institution")[0], values(one, "patient")[0]["name"][0]["text"])
            for one in [r for r in p["part"] if r["name"] == "registration"]
        ]
        for side in ("left", "right")
        for p in pair["parameter"]
        if p["name"] == side
    }
    assert sides == {"left": [("B", "王雨桐")], "right": [("A", "王雨欣")]}
    weights = {
        values(one, "field")[0]: values(one, "bits")[0]
        for one in pair["parameter"]
        if one["name"] == "weight"
    }
    assert {"prior", "name", "birth", "home"} <= set(weights)
    assert sum(weights.values()) == pytest.approx(values(pair, "bits")[0], abs=0.05)
    assert "twin" in values(pair, "guard")
    assert values(pair, "suggestion") == ["not-duplicate"]
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT patient FROM audit.event WHERE interaction = 'review'"
        )
        assert {row[0] for row in await cursor.fetchall()} == set(twins.values())


async def test_candidates_of_a_person(client, exchange, twins) -> None:
    steward = await client("staff", **STEWARD)
    answer = await steward.get(f"/Patient/{twins['t1']}/$candidates")
    assert answer.status_code == 200, answer.text
    assert validate(answer.json()) == []
    (found,) = answer.json()["parameter"]
    assert values(found, "person") == [{"reference": f"Patient/{twins['t2']}"}]
    assert values(found, "guard") == ["twin"]
    assert values(found, "grade") != ["certain"]
    assert (await steward.get("/Patient/nobody/$candidates")).status_code == 404
    for other in (
        await client("staff", **{**STEWARD, "roles": ("clinician",)}),
        await client("institution", institution="A"),
        await client("resident", scopes="patient/*.rs", patient=twins["t1"]),
    ):
        assert (await other.get(f"/Patient/{twins['t1']}/$candidates")).status_code == 403
    anybody = await client()
    assert (await anybody.get(f"/Patient/{twins['t1']}/$candidates")).status_code == 401


async def test_the_queue_is_filtered_and_paged(client, twins) -> None:
    steward = await client("staff", **STEWARD)
    for query, found in (
        ("reason=possible", 1), ("reason=duplicate", 0), ("guard=twin", 1), ("guard=sex", 0),
        ("_count=1", 1), ("_count=1&_offset=1", 0),
    ):  # fmt: skip
        answer = (await steward.get(f"/Patient/$reviews?{query}")).json()
        assert len(values(answer, "review")) == found, query
    assert (await steward.get("/Patient/$reviews?_count=x")).status_code == 400


@pytest.mark.parametrize(
    ("decision", "same"), [("not-duplicate", False), ("merge", True), ("keep", False)]
)
async def test_a_decision_is_carried_out_once(client, exchange, twins, decision, same) -> None:
    steward = await client("staff", **STEWARD)
    (number,) = values(await opened(steward), "number")
    sent = body(number=number, decision=decision, reason="asked the mother")
    answer = await steward.post("/Patient/$decide-review", content=sent)
    assert answer.status_code == 200, answer.text
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["t1", "t2"])
    assert (people["t1"] == people["t2"]) is same
    assert values((await steward.get("/Patient/$reviews")).json(), "total") == [0]
    assert (await steward.post("/Patient/$decide-review", content=sent)).status_code == 404
    assert (await steward.get(f"/Patient/$review?number={number}")).status_code == 404


async def test_two_reviewers_are_compared(client, twins, monkeypatch) -> None:
    monkeypatch.setattr(opinion, "SAMPLE", 1)
    steward, colleague = await client("staff", **STEWARD), await client("staff", **COLLEAGUE)
    (number,) = values(await opened(steward), "number")
    sent = body(number=number, decision="not-duplicate", reason="asked the mother")
    await steward.post("/Patient/$decide-review", content=sent)
    assert values((await steward.get("/Patient/$second-reviews")).json(), "review") == []
    waiting = (await colleague.get("/Patient/$second-reviews")).json()
    assert values(waiting["parameter"][0], "number") == [number]
    full = (await colleague.get(f"/Patient/$second-reviews?number={number}")).json()
    assert "王雨桐" in orjson.dumps(full).decode()
    for hidden in ("asked the mother", "not-duplicate", "gao"):
        assert hidden not in orjson.dumps(full).decode()
    verdict = body(number=number, verdict="same", reason="looks like one child")
    refused = await steward.post("/Patient/$second-opinion", content=verdict)
    assert refused.status_code == 404  # nobody is asked twice
    agreed = (await colleague.post("/Patient/$second-opinion", content=verdict)).json()
    assert values(agreed, "reviews") == [1]
    assert values(agreed, "observed") == [0.0]
    assert (await colleague.post("/Patient/$second-opinion", content=verdict)).status_code == 404
    assert (await steward.get("/Patient/$reviewer-agreement")).json() == agreed


async def test_a_merge_meanwhile_settles_a_review(client, twins) -> None:
    steward = await client("staff", **STEWARD)
    (number,) = values(await opened(steward), "number")
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "other", "valueReference": {"reference": f"Patient/{twins['t2']}"}},
            {"name": "reason", "valueString": "by hand"},
        ],
    }
    path = f"/Patient/{twins['t1']}/$merge"
    assert (await steward.post(path, content=orjson.dumps(sent))).status_code == 200
    assert (await steward.get(f"/Patient/$review?number={number}")).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"number": 1, "decision": "merge", "reason": ""}, 422),
        ({"number": 1, "decision": "separate", "reason": "x"}, 422),
        ({"number": 1, "decision": "burn", "reason": "x"}, 400),
        ({"decision": "merge", "reason": "x"}, 400),
        ({"number": 999, "decision": "merge", "reason": "x"}, 404),
    ],
)
async def test_what_cannot_be_decided_is_said(client, twins, sent, status) -> None:
    steward = await client("staff", **STEWARD)
    answer = await steward.post("/Patient/$decide-review", content=body(**sent))
    assert answer.status_code == status, answer.text


async def test_only_stewards_review(client, twins) -> None:
    callers = [
        await client("staff", **{**STEWARD, "roles": ("clinician",)}),
        await client("staff", **{**STEWARD, "roles": ("auditor",)}),
        await client("staff", **{**STEWARD, "scopes": "user/Observation.rus"}),
        await client("institution", institution="A"),
        await client("resident", scopes="patient/*.rs", patient=twins["t1"]),
    ]
    sent = body(number=1, decision="merge", reason="x")
    verdict = body(number=1, verdict="same", reason="x")
    for caller in callers:
        for path in GETS:
            assert (await caller.get(f"/Patient/{path}")).status_code == 403
        assert (await caller.post("/Patient/$decide-review", content=sent)).status_code == 403
        assert (await caller.post("/Patient/$second-opinion", content=verdict)).status_code == 403
    anybody = await client()
    assert {(await anybody.get(f"/Patient/{path}")).status_code for path in GETS} == {401}
    reader = await client("staff", **{**STEWARD, "scopes": "user/Patient.rs"})
    assert (await reader.get("/Patient/$reviews")).status_code == 200
    assert (await reader.post("/Patient/$decide-review", content=sent)).status_code == 403


@pytest.fixture
async def triplets(client, exchange) -> dict[str, str]:
    """Three of one home and day: each may be any of the others. And a pair of strangers to them."""
    for code, name in (("A", "王雨欣"), ("B", "王雨桐"), ("C", "王雨涵")):
        sender = await client("institution", institution=code)
        sent = patient(f"m-{code}", name, institution=code, phone="19900001234")
        assert (await sender.put(f"/Patient/m-{code}", content=sent)).status_code == 201
    for code, name in (("A", "李晓月"), ("B", "李晓星")):
        sender = await client("institution", institution=code)
        sent = patient(f"s-{code}", name, institution=code, number="8", phone="19900005678")
        assert (await sender.put(f"/Patient/s-{code}", content=sent)).status_code == 201
    async with exchange.store.database.connection() as connection:
        return await person_of(connection, ["m-A", "m-B", "m-C"])


async def test_pairs_that_share_a_person_are_one_piece_of_work(client, triplets) -> None:
    steward = await client("staff", **STEWARD)
    answer = (await steward.get("/Patient/$reviews")).json()
    assert validate(answer) == []
    assert values(answer, "total") == [2]
    listed = [one for one in answer["parameter"] if one["name"] == "review"]
    assert sorted(values(one, "persons")[0] for one in listed) == [2, 3]
    lead = next(values(one, "number")[0] for one in listed if values(one, "persons") == [3])
    assert values((await steward.get("/Patient/$reviews?guard=cards")).json(), "total") == [0]
    first = (await steward.get("/Patient/$reviews?_count=1")).json()
    second = (await steward.get("/Patient/$reviews?_count=1&_offset=1")).json()
    numbers = [values(one, "number") for page in (first, second) for one in values(page, "review")]
    assert sorted(numbers) == sorted([values(one, "number") for one in listed])

    shown = (await steward.get(f"/Patient/$review?number={lead}")).json()
    assert validate(shown) == []
    related = values(shown, "related")
    assert len(related) == 2
    assert lead not in related
    persons = set()
    for number in (lead, *related):
        pair = (await steward.get(f"/Patient/$review?number={number}")).json()
        assert set(values(pair, "related")) == {lead, *related} - {number}
        assert values(pair, "suggestion") == ["not-duplicate"]
        for side in ("left", "right"):
            persons.add(values(values(pair, side)[0], "person")[0]["reference"])
    assert persons == {f"Patient/{person}" for person in triplets.values()}


async def test_a_decision_on_one_pair_leaves_the_others_of_its_cluster(client, triplets) -> None:
    steward = await client("staff", **STEWARD)

    async def work() -> tuple[list[int], dict[str, Any]]:
        answer = (await steward.get("/Patient/$reviews")).json()
        listed = values(answer, "review")
        lead = next(one for one in listed if values(one, "registration")[0]["id"][0] == "m")
        shown = (await steward.get(f"/Patient/$review?number={values(lead, 'number')[0]}")).json()
        return [values(lead, "number")[0], *values(shown, "related")], shown

    numbers, _ = await work()
    assert len(numbers) == 3
    decided = await steward.post(
        "/Patient/$decide-review",
        content=body(number=numbers[0], decision="merge", reason="one card"),
    )
    assert decided.status_code == 200, decided.text
    # Two persons are left, and between them one question in two reviews.
    left, _ = await work()
    assert set(left) <= set(numbers[1:])
    done = await steward.post(
        "/Patient/$decide-review",
        content=body(number=left[0], decision="not-duplicate", reason="seen both"),
    )
    assert done.status_code == 200, done.text
    answer = (await steward.get("/Patient/$reviews")).json()
    assert [values(one, "registration")[0]["id"][0] for one in values(answer, "review")] == ["s"]


async def test_who_may_not_review_sees_no_cluster(client, triplets) -> None:
    for other in (
        await client("staff", **{**STEWARD, "roles": ("clinician",)}),
        await client("institution", institution="A"),
        await client("resident", scopes="patient/*.rs", patient=triplets["m-A"]),
    ):
        assert (await other.get("/Patient/$reviews")).status_code == 403
        assert (await other.get("/Patient/$review?number=1")).status_code == 403
