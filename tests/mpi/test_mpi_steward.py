"""Acts by hand: merge and exact undo, moving, not-a-duplicate, matching."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hie.errors import Problem
from hie.kit.db import Connection, Database
from hie.kit.hashing import Hasher
from hie.mpi import steward
from hie.mpi.features import RESIDENT_NUMBER
from hie.mpi.golden import goldens as goldens_of
from hie.mpi.link import Source, register
from hie.mpi.match import match
from hie.mpi.people import linked, person_of
from hie.mpi.review import length, queue
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

WHO: dict[str, Any] = {"actor": "Practitioner/steward", "reason": "checked by phone"}
STATE = """
SELECT (SELECT array_agg(row(id, merged_into) ORDER BY id)::text FROM mpi.person),
       (SELECT array_agg(row(id, person) ORDER BY id)::text FROM mpi.registration)
"""
PEOPLE = (
    ("a", "张伟", "1980-05-17"),
    ("b", "李静", "1975-01-20"),
    ("c", "欧阳明", "1991-11-30"),
    ("d", "赵敏", "1966-02-08"),
)


@pytest.fixture
async def store(database: Database) -> Store:
    async with database.connection() as connection:
        opened = Store(database, Hasher(await secret(connection, "index")), Bodies({}))
    async with database.transaction() as connection:
        await register(connection, opened, [source(*person) for person in PEOPLE])
    return opened


def source(id_: str, name: str, born: str, **more: Any) -> Source:
    resource = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": born, **more}
    return Source(id_, 1, resource)


async def state(connection: Connection) -> object:
    return await (await connection.execute(STATE)).fetchone()


async def test_merge_redirects_and_unmerge_restores(store: Store) -> None:
    async with store.database.transaction() as connection:
        people = await person_of(connection, "abcd")
        before = await state(connection)
        goldens_before = await goldens_of(connection, [people["a"], people["b"]])
        number, _, goldens = await steward.merge(connection, people["a"], people["b"], **WHO)
        shown = {golden.person: golden.resource or {} for golden in goldens}
        assert [shown[people[p]]["active"] for p in "ab"] == [True, False]
        assert {"other": {"reference": f"Patient/{people['b']}"}, "type": "replaces"} in (
            shown[people["a"]]["link"]
        )
        assert shown[people["b"]]["link"] == [
            {"other": {"reference": f"Patient/{people['a']}"}, "type": "replaced-by"}
        ]
        both = await linked(connection, [people["a"], people["b"]])
        assert both == {people["a"]: ("a", "b"), people["b"]: ("a", "b")}
        restored = (await steward.unmerge(connection, number, **WHO)).goldens
        assert restored == goldens_before
        assert await state(connection) == before
        with pytest.raises(Problem) as refused:
            await steward.unmerge(connection, number, **WHO)
        assert refused.value.status == 409


async def seen(connection: Connection, store: Store) -> object:
    """All that anybody can see of links: persons, golden records, who is linked, who is found."""
    rows = await (await connection.execute("SELECT id FROM mpi.person ORDER BY id")).fetchall()
    persons = [id_ for (id_,) in rows]
    found = [
        [(one.person, one.grade, one.probability) for one in await match(connection, store, who)]
        for who in (source(*person).resource for person in PEOPLE)
    ]
    shown = await goldens_of(connection, persons)
    return await state(connection), shown, await linked(connection, persons), found


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["link", "unlink", "merge", "unmerge", "not-duplicate"]),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    max_size=8,
)
MERGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=4)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, merges=MERGES)
async def test_after_any_history_undone_merges_leave_no_trace(
    store: Store, acts: list[tuple[str, int, int]], merges: list[tuple[int, int]]
) -> None:
    """Whatever was done before: merges undone in reverse order restore each state exactly."""
    async with (
        store.database.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        for act, one, two in acts:
            await attempt(connection, store, act, one, two)
        past: list[tuple[int, object]] = []
        for one, two in merges:
            before = await seen(connection, store)
            people = await everybody(connection)
            done = await attempt(connection, store, "merge", one % len(people), two % len(people))
            if done is not None:
                past.append((done.event, before))
        for number, before in reversed(past):
            await steward.unmerge(connection, number, **WHO)
            assert await seen(connection, store) == before


async def everybody(connection: Connection) -> list[str]:
    rows = await (await connection.execute("SELECT id FROM mpi.person ORDER BY id")).fetchall()
    return [id_ for (id_,) in rows]


async def attempt(
    connection: Connection, store: Store, act: str, one: int, two: int
) -> steward.Done | None:
    """Carry out an act on persons and registrations by their places; None if it is refused."""
    people = await everybody(connection)
    first, second = people[one % len(people)], people[two % len(people)]
    registration = "abcd"[two % 4]
    try:
        async with connection.transaction():
            match act:
                case "link":
                    return await steward.link(connection, registration, first, **WHO)
                case "unlink":
                    return await steward.unlink(
                        connection, store.hasher, registration, first, **WHO
                    )
                case "merge":
                    return await steward.merge(connection, first, second, **WHO)
                case "unmerge":
                    number = await steward.merge_of(connection, first, second)
                    return number and await steward.unmerge(connection, number, **WHO)
                case _:
                    return await steward.not_duplicate(connection, first, second, **WHO)
    except Problem:
        return None


async def test_a_later_merge_is_undone_first(store: Store) -> None:
    async with store.database.transaction() as connection:
        people = await person_of(connection, "abc")
        first, *_ = await steward.merge(connection, people["a"], people["b"], **WHO)
        await steward.merge(connection, people["c"], people["a"], **WHO)
        assert (await linked(connection, [people["b"]]))[people["b"]] == ("a", "b", "c")
        with pytest.raises(Problem) as refused:
            await steward.unmerge(connection, first, **WHO)
        assert refused.value.status == 409


async def test_moving_a_registration_out_makes_a_person(store: Store) -> None:
    async with store.database.transaction() as connection:
        await register(connection, store, [source("e", "欧阳明", "1991-11-30")])
        people = await person_of(connection, "ce")
        assert people["c"] == people["e"]
        _, moved, goldens = await steward.unlink(connection, store.hasher, "e", people["c"], **WHO)
        assert moved != people["c"]
        assert {golden.person for golden in goldens} == {moved, people["c"]}
        kinds = [event.kind for event in await steward.history(connection, people["c"])]
        assert kinds == ["link", "link", "move"]
        with pytest.raises(Problem) as refused:
            await steward.unlink(connection, store.hasher, "e", moved, **WHO)
        assert refused.value.status == 422
        with pytest.raises(Problem) as refused:
            await steward.unlink(connection, store.hasher, "e", people["c"], **WHO)
        assert refused.value.status == 404
        assert (await steward.link(connection, "e", people["c"], **WHO)).goldens[0].resource
        assert await person_of(connection, "ce") == people
        with pytest.raises(Problem) as refused:
            await steward.link(connection, "e", people["c"], **WHO)
        assert refused.value.status == 409


async def test_not_a_duplicate_is_not_asked_again(store: Store) -> None:
    def twin(id_: str, name: str) -> Source:
        phone = [{"system": "phone", "value": "19900001234"}]
        return source(id_, name, "2019-03-04", telecom=phone)

    async with store.database.transaction() as connection:
        await register(connection, store, [twin("t1", "王雨欣"), twin("t2", "王雨桐")])
        ((entry,), _) = await queue(connection)
        people = await person_of(connection, ["t1", "t2"])
        assert {entry.doubt.person, entry.doubt.other} == set(people.values())
        await steward.not_duplicate(connection, people["t1"], people["t2"], **WHO)
        assert await length(connection) == 0
        await register(connection, store, [twin("t3", "王雨欣")])
        assert (await person_of(connection, ["t3"]))["t3"] == people["t1"]
        assert await length(connection) == 0


async def test_match_grades_and_refuses_to_guess(store: Store) -> None:
    async with store.database.connection() as connection:
        asked = source("", "欧陽明", "1991-11-30").resource
        (answer,) = await match(connection, store, asked, only_certain=True)
        assert answer.person == (await person_of(connection, ["c"]))["c"]
        assert answer.grade == "certain"
        assert answer.probability > 0.99
        assert await match(connection, store, {"name": [{"text": "欧阳明"}]}) == []
        number = [{"system": RESIDENT_NUMBER, "value": "111111111111111111"}]
        assert await match(connection, store, {"identifier": number}) == []
