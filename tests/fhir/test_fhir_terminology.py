"""Code systems and value sets: what ships, and what value sets stand for."""

from pathlib import Path
from typing import Any

import pytest

from hie.fhir.terminology import (
    CannotExpand,
    CodeSystem,
    Terms,
    ValueSet,
    expand,
    shipped_code_system,
    shipped_value_set,
)
from hie.fhir.terminology.code_system import read_code_system
from hie.fhir.terminology.distil import TARGET, main
from hie.fhir.terminology.value_set import read_value_set

URL = "urn:example:animals"
ANIMALS = read_code_system(
    {
        "resourceType": "CodeSystem",
        "url": URL,
        "content": "complete",
        "concept": [
            {
                "code": "animal",
                "concept": [
                    {"code": "dog", "concept": [{"code": "poodle"}]},
                    {"code": "cat"},
                ],
            },
            # stands below two others
            {"code": "lapdog", "property": [{"code": "parent", "valueCode": "dog"}]},
            {"code": "pet", "property": [{"code": "child", "valueCode": "lapdog"}]},
        ],
    }
)


async def none(_: str) -> Any:
    return None


async def animals(url: str) -> CodeSystem | None:
    return ANIMALS if url == URL else None


async def codes(*include: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> Any:
    compose = {"include": list(include), "exclude": exclude or []}
    value_set = read_value_set({"resourceType": "ValueSet", "url": "urn:set", "compose": compose})
    return await expand(value_set, Terms(nested, animals))


async def nested(url: str) -> ValueSet | None:
    if url == "urn:set:endless":
        return read_value_set({"url": url, "compose": {"include": [{"valueSet": [url]}]}})
    if url == "urn:set:cats":
        return read_value_set(
            {"url": url, "compose": {"include": [{"system": URL, "concept": [{"code": "cat"}]}]}}
        )
    return None


def filtered(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"system": URL, "filter": [{"property": name, "op": operator, "value": value}]}


def test_what_stands_above_and_below() -> None:
    assert ANIMALS.below("dog") == {"dog", "poodle", "lapdog"}
    assert ANIMALS.above("lapdog") == {"lapdog", "dog", "animal", "pet"}
    assert ANIMALS.below("unheard of") == {"unheard of"}


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("concept", "is-a", "dog", "dog lapdog poodle"),
        ("concept", "descendent-of", "dog", "lapdog poodle"),
        ("concept", "is-not-a", "dog", "animal cat pet"),
        ("concept", "generalizes", "poodle", "animal dog poodle"),
        ("concept", "=", "cat", "cat"),
        ("code", "in", "cat,dog,fish", "cat dog"),
        ("code", "not-in", "cat,dog", "animal lapdog pet poodle"),
        ("parent", "=", "dog", "lapdog poodle"),
    ],
)
async def test_filters(name: str, operator: str, value: str, expected: str) -> None:
    assert await codes(filtered(name, operator, value)) == {URL: frozenset(expected.split())}


async def test_parts_add_up_and_exclusions_take_away() -> None:
    every = {"system": URL}
    dogs = filtered("concept", "is-a", "dog")
    assert await codes(every) == {URL: None}
    assert await codes(every, dogs) == {URL: None}
    assert await codes(every, exclude=[dogs]) == {URL: frozenset({"animal", "cat", "pet"})}
    assert await codes(dogs, exclude=[every]) == {}
    assert await codes({"valueSet": ["urn:set:cats"]}) == {URL: frozenset({"cat"})}
    # of a system only what is in the value set too
    assert await codes({"system": URL, "valueSet": ["urn:set:cats"]}) == {URL: frozenset({"cat"})}
    assert await codes(dogs | {"valueSet": ["urn:set:cats"]}) == {URL: frozenset()}


@pytest.mark.parametrize(
    "part",
    [
        {"valueSet": ["urn:set:unknown"]},
        {"valueSet": ["urn:set:endless"]},
        {"system": "urn:unknown", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]},
        filtered("code", "regex", "(a+)+$"),
        filtered("colour", "=", "red"),
    ],
)
async def test_what_cannot_be_told_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(CannotExpand):
        await codes(part)


async def test_an_expansion_without_a_composition_lists_its_codes() -> None:
    value_set = read_value_set(
        {
            "expansion": {
                "contains": [
                    {"system": URL, "code": "x", "abstract": True, "contains": [{"code": "y"}]},
                    {"system": URL, "code": "dog", "contains": [{"system": URL, "code": "poodle"}]},
                ]
            }
        }
    )
    assert await expand(value_set, Terms(none, none)) == {URL: frozenset({"dog", "poodle"})}


async def test_shipped_value_sets_expand_or_say_why_not() -> None:
    async def value_set(url: str) -> ValueSet | None:
        return shipped_value_set(url.partition("|")[0])

    async def code_system(url: str) -> CodeSystem | None:
        return shipped_code_system(url)

    act = shipped_value_set("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode")
    assert act is not None
    [(system, found)] = (await expand(act, Terms(value_set, code_system))).items()
    assert system == "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    assert found is not None
    assert {"AMB", "IMP", "ACUTE", "NONAC"} <= found
    assert "STAT" not in found
    snomed = shipped_value_set("http://hl7.org/fhir/ValueSet/body-site")
    assert snomed is not None
    with pytest.raises(CannotExpand):
        await expand(snomed, Terms(value_set, code_system))


def test_the_package_gives_the_file_that_ships(shared_data: Path, tmp_path: Path) -> None:
    target = tmp_path / TARGET.name
    main(shared_data / "r4" / "hl7.fhir.r4.core-4.0.1.tgz", target)
    assert target.read_bytes() == TARGET.read_bytes()
