"""Registering source Patients on a real database: linking, updating, racing, withdrawing."""

import asyncio
from typing import Any

import orjson
import pytest

from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi.features import HEALTH_CARD, RESIDENT_NUMBER
from hie.mpi.golden import explain
from hie.mpi.identity_number import check_character
from hie.mpi.link import Golden, Source, register, withdraw
from hie.mpi.match import match
from hie.mpi.people import linked, person_of
from hie.mpi.review import queue
from hie.mpi.steward import merge_of, not_duplicate, unmerge
from hie.store.bodies import Bodies
from hie.store.open import Store, secret


@pytest.fixture
async def store(database: Database) -> Store:
    async with database.connection() as connection:
        return Store(database, Hasher(await secret(connection, "index")), Bodies({}))


def number(born: str, order: int = 11) -> str:
    first17 = f"990101{born.replace('-', '')}{order:03d}"
    return first17 + check_character(first17)


def patient(
    name: str,
    born: str = "1980-05-17",
    *,
    card: str = "",
    phone: str = "",
    address: str = "",
    gender: str = "male",
    **more: Any,
) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "name": [{"text": name}],
        "birthDate": born,
        "gender": gender,
        **more,
    }
    if card:
        resource["identifier"] = [{"system": RESIDENT_NUMBER, "value": card}]
    if phone:
        resource["telecom"] = [{"system": "phone", "value": phone}]
    if address:
        resource["address"] = [{"text": address}]
    return resource


async def put(
    store: Store, id_: str, resource: dict[str, Any], institution: int = 1
) -> list[Golden]:
    async with store.database.transaction() as connection:
        return await register(connection, store, [Source(id_, institution, resource)])


async def person(store: Store, id_: str) -> str:
    async with store.database.connection() as connection:
        return (await person_of(connection, [id_]))[id_]


async def test_one_person_written_differently_is_one(store: Store) -> None:
    card = number("1980-05-17")
    await put(store, "a", patient("欧阳伟", card=card, phone="19900001234"), 1)
    await put(store, "b", patient("歐陽　偉", card=f" {card[:6]} {card[6:]}".lower()), 2)
    golden = await put(store, "c", patient("欧阳伟", phone="+86 199-0000-1234"), 3)
    assert await person(store, "a") == await person(store, "b") == await person(store, "c")
    assert [g.person for g in golden] == [await person(store, "a")]
    async with store.database.connection() as connection:
        assert await linked(connection, [golden[0].person]) == {golden[0].person: ("a", "b", "c")}
        assert await linked(connection, ["a", "no such"]) == {}


async def test_golden_record_names_its_sources(store: Store) -> None:
    card = number("1980-05-17")
    await put(store, "a", patient("张伟", card=card, phone="19900001234"), 1)
    (golden,) = await put(store, "b", patient("张伟", card=card, address="清河小区3幢501室"), 2)
    resource = golden.resource
    assert resource is not None
    assert [link["other"]["reference"] for link in resource["link"]] == ["Patient/a", "Patient/b"]
    assert resource["identifier"] == [{"system": RESIDENT_NUMBER, "value": card}]
    assert resource["telecom"][0]["value"] == "19900001234"
    async with store.database.connection() as connection:
        explained = await explain(connection, golden.person)
    assert explained["telecom"] == ["a"]
    assert explained["address"] == ["b"]
    assert explained["birthDate"] == ["b", "a"]


async def test_a_child_with_a_guardians_card_is_not_the_guardian(store: Store) -> None:
    card = number("1985-03-09", 12)
    await put(
        store,
        "mother",
        patient("王芳", "1985-03-09", card=card, phone="19900000001", gender="female"),
    )
    await put(store, "child", patient("李小明", "2018-06-01", card=card, phone="19900000001"))
    assert await person(store, "mother") != await person(store, "child")


async def test_twins_stay_two(store: Store) -> None:
    address = "柳园路8号5幢302室"
    for id_, name in (("one", "陈嘉欣"), ("two", "陈嘉怡")):
        await put(
            store, id_,
            patient(name, "2019-02-03", phone="19900000002", address=address, gender="female"),
        )  # fmt: skip
    assert await person(store, "one") != await person(store, "two")


async def test_registering_again_changes_nothing(store: Store) -> None:
    resource = patient("张伟", card=number("1980-05-17"))
    (first,) = await put(store, "a", resource)
    assert await put(store, "a", resource) == []
    assert await person(store, "a") == first.person


async def test_equal_members_make_equal_bytes(store: Store) -> None:
    await put(store, "a", patient("张伟", card=number("1980-05-17")))
    (one,) = await put(store, "a", patient("张伟", card=number("1980-05-17"), phone="19900001234"))
    async with store.database.transaction() as connection:
        batch = [Source("b", 2, patient("李静", "1970-01-02", gender="female"))]
        await register(connection, store, batch)
    (two,) = await put(store, "a", patient("张伟", card=number("1980-05-17"), phone="19900001235"))
    (three,) = await put(
        store, "a", patient("张伟", card=number("1980-05-17"), phone="19900001234")
    )
    assert orjson.dumps(one.resource) == orjson.dumps(three.resource) != orjson.dumps(two.resource)


async def test_an_update_never_moves_a_registration(store: Store) -> None:
    await put(store, "a", patient("张伟", card=number("1980-05-17")))
    await put(store, "b", patient("李强", "1975-01-20"))
    before = await person(store, "b")
    await put(store, "b", patient("张伟", card=number("1980-05-17")))
    assert await person(store, "b") == before
    async with store.database.connection() as connection:
        ((entry,), _) = await queue(connection)
    assert (entry.doubt.reason, entry.doubt.registration) == ("update", "b")
    assert entry.doubt.other == await person(store, "a")


async def test_an_update_that_contradicts_its_person_is_reviewed(store: Store) -> None:
    await put(store, "a", patient("张伟", card=number("1980-05-17")))
    await put(store, "b", patient("张伟", card=number("1980-05-17")))
    await put(store, "b", patient("刘洋", "1991-11-30", card=number("1991-11-30")))
    assert await person(store, "a") == await person(store, "b")
    async with store.database.connection() as connection:
        assert [entry.doubt.reason for entry in (await queue(connection))[0]] == ["contradiction"]


async def test_withdrawing_the_last_member_ends_the_golden_record(store: Store) -> None:
    (golden,) = await put(store, "a", patient("张伟", card=number("1980-05-17")))
    await put(store, "b", patient("张伟", card=number("1980-05-17")))
    async with store.database.transaction() as connection:
        (left,) = await withdraw(connection, store, ["a"])
        assert left.resource is not None
        (gone,) = await withdraw(connection, store, ["b"])
    assert gone == Golden(golden.person, None)


async def test_two_workers_registering_one_new_person_make_one(store: Store) -> None:
    resource = patient("赵敏", "1990-09-09", phone="19900000009", gender="female")
    await asyncio.gather(*(put(store, f"r{n}", resource, n) for n in range(8)))
    async with store.database.connection() as connection:
        found = await person_of(connection, [f"r{n}" for n in range(8)])
    assert len(found) == 8
    assert len(set(found.values())) == 1


async def test_a_batch_links_within_itself_and_keeps_strangers_apart(store: Store) -> None:
    born = [f"19{60 + n % 40}-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(400)]
    sources = [
        Source(f"{copy}-{n}", copy, patient(f"张{chr(0x4E00 + n)}", date, card=number(date, n + 1)))
        for n, date in enumerate(born)
        for copy in (1, 2, 3)
    ]
    async with store.database.transaction() as connection:
        goldens = await register(connection, store, sources)
        found = await person_of(connection, [source.id for source in sources])
    assert len(goldens) == 400
    assert all(found[f"1-{n}"] == found[f"2-{n}"] == found[f"3-{n}"] for n in range(400))


async def test_patients_from_abroad_are_told_apart(store: Store) -> None:
    def abroad(name: str, born: str, ssn: str) -> dict[str, Any]:
        identifier = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": ssn}]
        family, given = name.split()
        return {
            "resourceType": "Patient",
            "identifier": identifier,
            "name": [{"family": family, "given": [given]}],
            "birthDate": born,
            "gender": "male",
        }

    await put(store, "a", abroad("Considine Alden", "1949-06-09", "999-12-8616"))
    await put(store, "b", abroad("Considine Alden", "1949-06-09", "999-12-8616"), 2)
    await put(store, "c", abroad("Considine Marty", "1949-06-09", "999-55-1234"), 2)
    await put(store, "d", abroad("Walsh Hugo", "1981-01-09", "999-12-8616"), 2)
    people = [await person(store, id_) for id_ in "abcd"]
    assert people[0] == people[1]
    assert len(set(people)) == 3


async def test_health_card_links_a_renamed_newborn(store: Store) -> None:
    card = [{"system": HEALTH_CARD, "value": "6CAD4A268D116ECE"}]
    await put(
        store, "ward", patient("王芳之子", "2024-03-01", phone="19900000003", identifier=card)
    )
    await put(
        store, "station", patient("李浩然", "2024-03-01", phone="19900000003", identifier=card)
    )
    assert await person(store, "ward") == await person(store, "station")


CHILD = {"born": "2024-07-20", "gender": "male"}
MOTHERS, FATHERS = "19900345671", "19900765432"


async def persons(store: Store, *ids: str) -> dict[str, str]:
    async with store.database.connection() as connection:
        return await person_of(connection, list(ids))


async def test_a_newborns_placeholder_joins_the_child_it_turns_out_to_be(store: Store) -> None:
    await put(store, "ward", patient("黄小淑之子", phone=MOTHERS, **CHILD))
    await put(
        store, "station", patient("王松鸿", phone=FATHERS, card=number("2024-07-20"), **CHILD)
    )
    before = await persons(store, "ward", "station")
    assert before["ward"] != before["station"]
    await put(store, "clinic", patient("王松鸿", phone=MOTHERS, **CHILD))
    after = await persons(store, "ward", "station", "clinic")
    assert set(after.values()) == {before["station"]}
    async with store.database.connection() as connection:
        assert (await queue(connection))[0] == []
        number_of = await merge_of(connection, before["station"], before["ward"])
    assert number_of is not None
    async with store.database.transaction() as connection:
        await unmerge(connection, number_of, actor="steward", reason="twins")
    assert await persons(store, "ward", "station") == before


async def test_what_a_steward_said_is_not_overruled_for_newborns(store: Store) -> None:
    await put(store, "ward", patient("黄小淑之子", phone=MOTHERS, **CHILD))
    await put(
        store, "station", patient("王松鸿", phone=FATHERS, card=number("2024-07-20"), **CHILD)
    )
    before = await persons(store, "ward", "station")
    async with store.database.transaction() as connection:
        await not_duplicate(
            connection, before["ward"], before["station"], actor="steward", reason="twins"
        )
    await put(store, "clinic", patient("王松鸿", phone=MOTHERS, **CHILD))
    after = await persons(store, "ward", "station", "clinic")
    assert after["ward"] == before["ward"]
    assert after["clinic"] == before["station"]


OFFICE = "19900421357"


@pytest.mark.parametrize(("sharing", "counts"), [(3, True), (101, False)])
async def test_a_telephone_that_too_many_share_is_a_filler(
    store: Store, sharing: int, counts: bool
) -> None:
    names = [
        f"{family}{given}"
        for family in "王李张刘陈杨黄赵吴周徐"
        for given in "伟芳敏静丽强磊军洋勇"
    ]
    sources = [
        Source(f"s{n}", 1, patient(name, f"19{n % 70 + 20}-{n % 12 + 1:02d}-17", phone=OFFICE))
        for n, name in enumerate(names[:sharing])
    ]
    async with store.database.transaction() as connection:
        await register(connection, store, sources)
    async with store.database.connection() as connection:
        (found,) = await match(
            connection, store, patient("王伟", "1920-01-17", phone=OFFICE), count=1
        )
    assert ("home" in found.parts) is counts
