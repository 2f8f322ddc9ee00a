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
    if isinstance(value, str) and random.random() < 0.3:
        foreign = random.choice(FOREIGN).decode(errors="ignore")
        place = random.randrange(len(value) + 1)
        return value[:place] + foreign + value[place:]
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
