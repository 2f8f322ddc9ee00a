"""Random resources: official examples, with parts taken away, repeated, swapped and replaced."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from random_bytes import FOREIGN
from random_searches import JUNK

Json = Any
JUNK = tuple(one for one in JUNK if "\udcff" not in one)
SCALARS: Sequence[Json] = (
    *JUNK,
    *(0, -1, 1.5, 1e300, 2**53, True, None, {"a": 1}, [1], [], {}, [[]], [None], {"extension": []}),
    *(
        {"reference": "Patient/p1"},
        {"reference": "#x"},
        {"reference": "urn:uuid:1"},
        {"coding": [{}]},
    ),
)
NUMBERS = (0, -1, 1.5, 1e300, 1e-300, -1e308, 2**31 - 1, 2**31, 2**63, 10**30, 0.1 + 0.2)
DATES = (
    *("9999-12-31", "9999", "0001", "0001-01", "1582-10-10", "2024-02-29", "2023-02-29", "0000"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999-12:00", "2016-12-31T23:59:60Z"),
    *("2015-02-07T13:28:17.123456789123Z", "2015-02-07T24:00:00Z", "2015-02-07T13:28:17+14:01"),
)
REFERENCES = (
    *("Patient/p1", "Patient/p1/_history/1", "#", "#x", "urn:uuid:1", "Patient?name=x", "x"),
    *("http://127.0.0.1:8080/fhir/Patient/p1", "http://example.org/Patient/p1", "Nothing/1"),
)
TEXTS = (
    *(
        "x",
        "a b",
        "é\u0301",
        "\u202e",
        "\U0001f600",
        "张",
        "\ufeff",
        "\uffff",
        "a" * 3000,
        "\n",
        "\t",
    ),
    *(
        "%",
        "_",
        "\\",
        "'",
        "$",
        "|",
        ",",
        "a|b",
        "1.0",
        "true",
        "urn:oid:1.2",
        "http://loinc.org",
        "<b>",
    ),
    *(
        "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>",
        "+86 138-0013-8000",
        "110101199003074477",
    ),
)


def text_of(value: Json) -> bytes:
    """The JSON text; it need not be UTF-8, nor the numbers such as anybody can read."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape")


def changed(random: Random, value: Json) -> Json:
    """A copy with one place somewhere inside taken away, repeated, swapped or replaced."""
    if isinstance(value, dict) and value:
        return _changed_object(random, value)
    if isinstance(value, list) and value:
        place = random.randrange(len(value))
        if random.random() < 0.2:
            return [*value, *value[: place + 1]]
        return [*value[:place], changed(random, value[place]), *value[place + 1 :]]
    if random.random() < 0.5:
        return _alike(random, value)
    if isinstance(value, str) and random.random() < 0.5:
        foreign = random.choice(FOREIGN).decode(errors="ignore")
        place = random.randrange(len(value) + 1)
        return value[:place] + foreign + value[place:]
    return random.choice(SCALARS)


def _alike(random: Random, value: Json) -> Json:
    """Another value of the same kind, at the edge of what there can be."""
    match value:
        case bool():
            return not value
        case int() | float():
            return random.choice(NUMBERS)
        case str() if value[:4].isdigit() and (value[4:5] in ("-", "")):
            return random.choice(DATES)
        case str() if "/" in value and ":" not in value:
            return random.choice(REFERENCES)
        case str():
            return random.choice(TEXTS)
    return random.choice(SCALARS)


def _changed_object(random: Random, value: dict[str, Json]) -> Json:
    key = random.choice(tuple(value))
    match random.randrange(9):
        case 0:
            return {k: v for k, v in value.items() if k != key}
        case 1:
            return {**value, key: random.choice(SCALARS)}
        case 2:
            return {**value, random.choice(JUNK): value[key]}
        case 3:
            other = random.choice(tuple(value))
            return {**value, key: value[other], other: value[key]}
        case 4 if random.random() < 0.3:
            deep = value[key]
            for _ in range(random.choice((3, 10, 30))):
                deep = random.choice(([deep], {key: deep}))
            return {**value, key: deep}
        case _:
            return {**value, key: changed(random, value[key])}


class Resources:
    """Draws resources of a type out of examples."""

    def __init__(self, examples: Sequence[Json]) -> None:
        self._all = examples
        self._of: dict[str, list[Json]] = {}
        for one in examples:
            self._of.setdefault(one["resourceType"], []).append(one)

    @property
    def by_type(self) -> Mapping[str, Sequence[Json]]:
        """The examples of each type."""
        return self._of

    def whole(self, random: Random, type_name: str, logical_id: str | None = None) -> Json:
        """A resource as the specification publishes it, under an id of its own or another."""
        found = random.choice(self._of.get(type_name) or self._all)
        return {**found, "id": logical_id} if logical_id else found

    def draw(self, random: Random, type_name: str, logical_id: str | None = None) -> Json:
        """One that may have been changed in some places."""
        found = self.whole(random, type_name, logical_id)
        for _ in range(random.choice((0, 0, 0, 1, 1, 2, 5))):
            found = changed(random, found)
        return found
