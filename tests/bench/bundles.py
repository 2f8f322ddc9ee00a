"""The transaction Bundles that every server is given, and values to ask for out of them."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson


class Place(NamedTuple):
    """A resource by where it came from: the number of its Bundle, and of its entry in there."""

    bundle: int
    entry: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """One patient's record as a transaction."""

    body: bytes
    entries: list[dict[str, Any]]

    def of(self, kind: str) -> list[int]:
        """The numbers of the entries of a type."""
        return [number for number, one in enumerate(self.entries) if one["resourceType"] == kind]


def read(folder: Path, number: int) -> list[Bundle]:
    """The first `number` patients of the folder, by name."""
    found = []
    for file in sorted(folder.glob("*.json.gz")):
        body = gzip.decompress(file.read_bytes())
        entries = [entry["resource"] for entry in orjson.loads(body)["entry"]]
        if entries[0]["resourceType"] == "Patient":
            found.append(Bundle(body, entries))
        if len(found) == number:
            break
    return found


@dataclass(frozen=True, slots=True)
class Values:
    """What fills one question: ids by their place, for they differ between servers."""

    places: dict[str, Place]
    texts: dict[str, str]

    @property
    def bundle(self) -> int:
        return self.places["patient"].bundle


def draw(random: Random, bundles: Sequence[Bundle]) -> Values:
    """Values that belong together: a patient, an Observation and a Condition of that patient."""
    while True:
        number = random.randrange(len(bundles))
        bundle = bundles[number]
        observations, conditions = bundle.of("Observation"), bundle.of("Condition")
        patient, *_ = bundle.of("Patient")
        coded = [one for one in observations if "valueQuantity" in bundle.entries[one]]
        if coded and conditions:
            break
    place = random.choice(coded)
    observation, person = bundle.entries[place], bundle.entries[patient]
    other = bundle.entries[random.choice(observations)]
    condition = bundle.entries[random.choice(conditions)]
    code, name = observation["code"]["coding"][0], person["name"][0]
    texts = {
        "code": code["code"],
        "code2": other["code"]["coding"][0]["code"],
        "word": code["display"].split()[0],
        "day": observation["effectiveDateTime"][:10],
        "instant": observation["effectiveDateTime"],
        "year": observation["effectiveDateTime"][:4],
        "value": observation["valueQuantity"]["value"],
        "condition": condition["code"]["coding"][0]["code"],
        "family": name["family"],
        "prefix": name["family"][:3],
        "given": name["given"][0],
        "birth": person["birthDate"],
        "identifier": person["identifier"][0]["value"],
    }
    return Values(
        {"patient": Place(number, patient), "observation": Place(number, place)},
        {key: quote(str(value), safe="") for key, value in texts.items()},
    )
