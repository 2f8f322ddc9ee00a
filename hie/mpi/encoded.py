"""Linking without names: keyed encodings of the same keys, for institutions that may not send them.

Each institution turns what identifies a patient into tokens (keyed BLAKE2, RFC 7693) and Bloom filters of
characters and digits: Schnell, Bachteler and Reiher, "Privacy-preserving record linkage using Bloom
filters", 2009. The key is the institutions', never the exchange's: who has it can test guesses. Equal
tokens stay equal, so blocks, levels, weights and guards are those of the plain comparisons; a Bloom
filter tells one wrong character or digit. How often a name occurs travels in steps of two bits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from hashlib import blake2b
from math import log2
from typing import Any

import orjson

from hie.mpi import compare
from hie.mpi.contact import Home
from hie.mpi.features import Features, from_json, items, text, to_json
from hie.mpi.lunar import lunar
from hie.mpi.model import Model
from hie.mpi.names import Name

EXTENSION = "urn:hie:encoded-identity"
BITS = 256
HASHES = 6
SIMILAR_NAME = 0.55
ONE_DIGIT = 0.8


class Encoder:
    """Encodes features under the institutions' key."""

    def __init__(self, key: bytes, model: Model) -> None:
        self.key = key
        self.model = model

    def token(self, kind: str, value: str) -> str:
        """Equal for equal values of one kind, and nothing else to whoever lacks the key; "" for ""."""
        if not value:
            return ""
        return blake2b(f"{kind}|{value}".encode(), digest_size=10, key=self.key).hexdigest()

    def bloom(self, kind: str, parts: Iterable[str]) -> str:
        """A Bloom filter of `parts` in hexadecimal."""
        bits = 0
        for part in parts:
            drawn = blake2b(
                f"{kind}|{part}".encode(), digest_size=2 * HASHES, key=self.key
            ).digest()
            for place in range(HASHES):
                bits |= 1 << int.from_bytes(drawn[2 * place : 2 * place + 2], "big") % BITS
        return f"{bits:x}"

    def features(self, plain: Features) -> Features:
        """`plain` with every value encoded. Sex and birth order stay: they say nothing of themselves."""
        return replace(
            plain,
            names=tuple(self._name(name) for name in plain.names),
            births=tuple(self._birth(born) for born in plain.births),
            numbers=self._digits("number", plain.numbers),
            damaged=self._digits("number", plain.damaged),
            foreign=self._digits("number", plain.foreign),
            passports=tuple(self.token("passport", value) for value in plain.passports),
            cards=tuple(
                f"{card.split('|')[0]}|{self.token('card', card)}" for card in plain.cards
            ),
            others=tuple(self.token("other", value) for value in plain.others),
            phones=self._digits("phone", plain.phones),
            homes=tuple(
                Home(
                    self.token("road", f"{home.road}|{home.number}") if home.road else "", "",
                    self.token("community", home.community), self.token("door", home.door),
                )
                for home in plain.homes
            ),
        )  # fmt: skip

    def _name(self, name: Name) -> Name:
        rarity = 2 * round(min(max(-log2(self.model.chance(name)), 6), 18) / 2) if name.text else 0
        words = name.text.split() if name.kind == "latin" else [name.text]
        whole = " ".join(sorted(self.token("name", word) for word in words)).strip()
        return Name(
            name.kind, whole, self.token("family", name.family), self.token("given", name.given),
            tuple(self.token("sound", sound) for sound in name.sounds), self.token("letters", name.letters),
            f"{rarity}.{self.bloom('name', _grams(name.text))}", name.hint, name.sure,
        )  # fmt: skip

    def _birth(self, born: str) -> str:
        """token . day and month swapped . lunar . year . day of the year . 1 January . digits"""
        whole = len(born) == 10
        swapped = f"{born[:5]}{born[8:]}-{born[5:7]}" if whole else ""
        by_moon = lunar(date.fromisoformat(born)) if whole else None
        moon = "{:04}-{:02}-{:02}".format(*by_moon) if by_moon else ""
        digits = enumerate(born.replace("-", ""))
        return ".".join(
            (
                self.token("birth", born), self.token("birth", swapped), self.token("birth", moon),
                self.token("year", born[:4]), self.token("day", born[5:]),
                "1" if not whole or born[5:] == "01-01" else "",
                self.bloom("birth", (f"{place}:{digit}" for place, digit in digits)),
            )
        )  # fmt: skip

    def _digits(self, kind: str, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            f"{self.token(kind, value)}."
            f"{self.bloom(kind, (f'{place}:{digit}' for place, digit in enumerate(value)))}"
            for value in values
        )

    def patient(self, id_: str, plain: Features) -> dict[str, Any]:
        """The Patient that an institution sends instead: its id, and the encodings in an extension."""
        content = orjson.dumps(to_json(self.features(plain))).decode()
        return {
            "resourceType": "Patient",
            "id": id_,
            "extension": [{"url": EXTENSION, "valueString": content}],
        }


def of_patient(patient: Mapping[str, Any]) -> Features:
    """The encodings that a Patient carries. Never raises: what cannot be read is left out."""
    for extension in items(patient, "extension"):
        if extension.get("url") == EXTENSION:
            try:
                return from_json(orjson.loads(text(extension.get("valueString"))))
            except (orjson.JSONDecodeError, TypeError, ValueError, AttributeError):
                return Features()
    return Features()


def _grams(name: str) -> Iterator[str]:
    yield from name
    yield from (f"{place}:{character}" for place, character in enumerate(name))


def _dice(one: str, two: str) -> float:
    """How alike two Bloom filters are, from 0 to 1."""
    left, right = int(one or "0", 16), int(two or "0", 16)
    both = left.bit_count() + right.bit_count()
    return 2 * (left & right).bit_count() / both if both else 0.0


def _alike(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    others = [value.rpartition(".")[2] for value in theirs]
    return any(
        _dice(value.rpartition(".")[2], other) >= ONE_DIGIT for value in ours for other in others
    )


def birth_level(left: str, right: str) -> str:
    """`birth.level` for two encoded dates."""
    one, two = left.split("."), right.split(".")
    if one[0] == two[0]:
        return "exact"
    if one[0] == two[1] or one[1] == two[0] != "":
        return "swapped"
    same_year = one[3] == two[3]
    if same_year and "1" in (one[5], two[5]):
        return "default"
    if two[0] == one[2] or one[0] == two[2]:
        return "calendar"
    if _dice(one[6], two[6]) >= ONE_DIGIT:
        return "edit"
    return "year" if same_year or one[4] == two[4] != "" else "different"


def compare_encoded(left: Features, right: Features) -> compare.Levels:
    """The level of every field, as `compare.compare` gives for plain features."""
    births = (birth_level(a, b) for a in left.births for b in right.births)
    name = compare.names_level(left, right)
    if name in ("given", "family", "different") and any(
        a.kind == b.kind != "newborn"
        and _dice(a.order.partition(".")[2], b.order.partition(".")[2]) >= SIMILAR_NAME
        for a in left.names
        for b in right.names
    ):
        name = "similar"
    number = compare.number_level(left, right)
    if number not in ("same", "slip") and (
        _alike(left.damaged, (*right.numbers, *right.damaged))
        or _alike(right.damaged, left.numbers)
    ):
        number = "slip"
    home = compare.home_level(left, right)
    if home in ("missing", "one", "neither", "place") and _alike(left.phones, right.phones):
        home = "slip"
    sexes = {compare.sex_of(left), compare.sex_of(right)}
    return {
        "name": name,
        "birth": compare.best("birth", births),
        "sex": "missing" if "" in sexes else "same" if len(sexes) == 1 else "different",
        "number": number,
        "passport": compare.passport_level(left, right),
        "card": compare.card_level(left, right),
        "other": "same" if set(left.others) & set(right.others) else "missing",
        "home": home,
    }


def texts(features: Features) -> Iterator[str]:
    """The block keys of `blocking.texts` that can be put together from tokens."""
    for number in (*features.numbers, *features.foreign, *features.damaged):
        yield f"i|{number}"
    for letter, values in (
        ("p", features.passports),
        ("c", features.cards),
        ("o", features.others),
    ):
        yield from (f"{letter}|{value}" for value in values)
    births = [born.split(".") for born in features.births]
    for phone in features.phones:
        yield f"t|{phone}"
        yield from (f"b|{phone}|{born[0]}" for born in births)
    doors = [home.door for home in features.homes if home.door]
    for name in features.names:
        for born in births:
            if name.kind == "newborn":
                yield f"m|{name.letters}|{born[0]}"
                continue
            yield f"n|{name.text}|{born[0]}"
            yield f"y|{name.letters}|{born[3]}"
            yield f"d|{name.letters}|{born[4]}"
            yield f"g|{name.given}|{born[0]}"
            yield f"s|{name.family}|{features.sex}|{born[0]}"
        yield from (f"a|{name.letters}|{door}" for door in doors)
    yield from (f"r|{born[0]}|{door}" for born in births for door in doors)
