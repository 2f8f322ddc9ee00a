"""Merges by `Patient.link`: within one institution, never against a steward or a resident number."""

from typing import Any

import pytest

from hie.demo.population import check_character
from hie.kit.db import Connection, Database
from hie.kit.hashing import Hasher
from hie.mpi import steward
from hie.mpi.features import RESIDENT_NUMBER
from hie.mpi.link import Source, register
from hie.mpi.people import linked, person_of
from hie.mpi.review import queue
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

ZHANG, LI = ("张伟", "1980-05-17"), ("李静雯", "1975-01-20")


def source(id_: str, who: tuple[str, str], institution: int = 1, **more: Any) -> Source:
    name, born = who
    resource = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": born, **more}
    return Source(id_, institution, resource)


def link(kind: str, target: str) -> list[dict[str, Any]]:
    return [{"other": {"reference": f"Patient/{target}"}, "type": kind}]


@pytest.fixture
async def store(database: Database) -> Store:
    async with database.connection() as connection:
        return Store(database, Hasher(await secret(connection, "index")), Bodies({}))


async def persons(connection: Connection, *ids: str) -> list[str]:
    found = await person_of(connection, ids)
    return [found[id_] for id_ in ids]


@pytest.mark.parametrize("kind", ["replaced-by", "replaces"])
async def test_a_replaced_registration_follows_and_its_person_redirects(
    store: Store, kind: str
) -> None:
    async with store.database.transaction() as connection:
        await register(connection, store, [source("old", ZHANG), source("new", LI)])
        old, new = await persons(connection, "old", "new")
        assert old != new
        says, about = ("old", "new") if kind == "replaced-by" else ("new", "old")
        who = ZHANG if says == "old" else LI
        sent = source(says, who, link=link(kind, about))
        goldens = await register(connection, store, [sent])
        assert {golden.person for golden in goldens} == {old, new}
        assert await persons(connection, "old", "new") == [new, new]
        assert await linked(connection, [old]) == {old: ("new", "old")}
        assert await register(connection, store, [sent]) == []
        number = await steward.merge_of(connection, new, old)
        assert number is not None
        await steward.unmerge(connection, number, actor="steward", reason="it was a mistake")
        assert await persons(connection, "old", "new") == [old, new]


async def test_other_institutions_registrations_stay_and_a_human_looks(store: Store) -> None:
    async with store.database.transaction() as connection:
        theirs = source("theirs", ZHANG, institution=2)
        await register(connection, store, [source("old", ZHANG), theirs, source("new", LI)])
        old, new = await persons(connection, "old", "new")
        await register(connection, store, [source("old", ZHANG, link=link("replaced-by", "new"))])
        assert await persons(connection, "old", "new", "theirs") == [new, new, old]
        ((entry,), _) = await queue(connection)
        assert (entry.doubt.reason, entry.doubt.registration) == ("source-merge", "old")


@pytest.mark.parametrize("target", ["theirs", "nobody", "old", "Organization/new"])
async def test_links_out_of_the_institution_change_nothing(store: Store, target: str) -> None:
    async with store.database.transaction() as connection:
        others = [source("theirs", LI, institution=2), source("new", ("王芳", "1969-09-09"))]
        await register(connection, store, [source("old", ZHANG), *others])
        before = await persons(connection, "old", "new", "theirs")
        sent = link("replaced-by", target)
        if "/" in target:
            sent[0]["other"]["reference"] = target
        await register(connection, store, [source("old", ZHANG, link=sent)])
        assert await persons(connection, "old", "new", "theirs") == before


async def test_a_steward_goes_before_the_institution(store: Store) -> None:
    async with store.database.transaction() as connection:
        await register(connection, store, [source("old", ZHANG), source("new", LI)])
        old, new = await persons(connection, "old", "new")
        await steward.not_duplicate(connection, old, new, actor="steward", reason="asked both")
        await register(connection, store, [source("old", ZHANG, link=link("replaced-by", "new"))])
        assert await persons(connection, "old", "new") == [old, new]


async def test_different_resident_numbers_are_for_a_human(store: Store) -> None:
    def number(first17: str) -> dict[str, Any]:
        value = first17 + check_character(first17)
        return {"identifier": [{"system": RESIDENT_NUMBER, "value": value}]}

    async with store.database.transaction() as connection:
        one, two = number("99010119800517001"), number("99010119750120002")
        await register(connection, store, [source("old", ZHANG, **one), source("new", LI, **two)])
        before = await persons(connection, "old", "new")
        merged = source("old", ZHANG, **one, link=link("replaced-by", "new"))
        await register(connection, store, [merged])
        assert await persons(connection, "old", "new") == before
        ((entry,), _) = await queue(connection)
        assert entry.doubt.reason == "source-merge"
        assert entry.doubt.guards == ("numbers",)
