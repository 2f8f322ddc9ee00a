"""The weights: for each field and level the chance among matching (m) and among other pairs (u).

After Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969). A model is a versioned JSON
file made by `hie mpi train`; the exchange only reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import log2
from typing import Any

import orjson

from hie.mpi.names import WILD, Name

_MOST_NAME_BITS = {"exact": 19.0, "sound": 19.0, "mother": 19.0, "wild": 19.0, "prefix": 9.0}
"""The name levels whose weight depends on how rare the name is, and what they may weigh at most."""
CURRENT = "chinese-2"


@dataclass(frozen=True, slots=True)
class Model:
    """One version. `bits` are log2(m/u); frequencies make a rare name weigh more than a common one."""

    version: str
    comparisons: str
    """Which of `comparisons.COMPARISONS` the weights are for."""
    m: Mapping[str, Mapping[str, float]]
    u: Mapping[str, Mapping[str, float]]
    bits: Mapping[str, Mapping[str, float]]
    families: Mapping[str, float]
    characters: Mapping[str, float]
    """How frequent the characters of Chinese given names are; in English, the given names."""
    rare_family: float
    rare_character: float
    latin_name: float
    certain_bits: float
    """From how many bits on the evidence alone links."""
    guarded: bool
    """Whether the guards of the comparisons speak."""
    namesake_home: float
    """What a shared home weighs more where the names agree: families share homes, but not names."""

    def name_bits(self, level: str, name: Name | None) -> float:
        """The weight of a name level; the agreeing name's own frequency stands in for u."""
        plain = self.bits["name"][level]
        if level not in _MOST_NAME_BITS or name is None:
            return plain
        chance = self.chance(name)
        if level == "sound":
            chance *= 10  # about ten names are read alike
        if level == "wild":  # that a sign was masked says nothing; what is left to read does
            return min(max(log2(1 / chance) - 1, plain), _MOST_NAME_BITS[level])
        return min(log2(self.m["name"][level] / chance), _MOST_NAME_BITS[level])

    def chance(self, name: Name) -> float:
        """How probable it is that a stranger bears `name`."""
        if self.comparisons == "encoded":
            return float(2.0 ** -int(name.order.partition(".")[0] or 6))
        if name.kind == "latin":
            return self.latin_name
        chance = self.families.get(name.family, self.rare_family) if name.family else 1.0
        for character in name.given:
            if character not in WILD:
                chance *= self.characters.get(character, self.rare_character)
        return chance if name.family else max(chance, self.latin_name)

    def part_bits(self, field: str, name: str) -> float:
        """The weight of an equal given or family name in English: a rare one weighs more."""
        table = self.families if field == "family" else self.characters
        rare = self.rare_family if field == "family" else self.rare_character
        return log2(self.m[field]["exact"] / table.get(name, rare))

    def birth_bits(self, level: str, chance: float | None) -> float:
        """The weight of a birth date level; `chance` is how frequent the shared date is among residents."""
        plain = self.bits["birth"][level]
        if level != "exact" or not chance:
            return plain
        return log2(self.m["birth"]["exact"] / max(chance, self.u["birth"]["exact"]))


def build(plain: Mapping[str, Any]) -> Model:
    """A model from the data of its file. `most_bits` caps what one field may say: families share homes."""
    m, u = plain["m"], plain["u"]
    bits = {
        field: {
            level: 0.0 if level == "missing" else log2(m[field][level] / u[field][level])
            for level in m[field]
        }
        for field in m
    }
    for field, most in plain.get("most_bits", {}).items():
        bits[field] = {level: min(weight, most) for level, weight in bits[field].items()}
    return Model(
        version=plain["version"],
        comparisons=plain["comparisons"],
        m=m,
        u=u,
        bits=bits,
        families=plain["families"],
        characters=plain["characters"],
        rare_family=plain["rare_family"],
        rare_character=plain["rare_character"],
        latin_name=plain["latin_name"],
        certain_bits=plain["certain_bits"],
        guarded=plain["guarded"],
        namesake_home=plain["namesake_home"],
    )


def shipped(version: str = CURRENT) -> dict[str, Any]:
    """The data of the model `version` that ships with the package."""
    content = files("hie.mpi").joinpath(f"models/{version}.json").read_bytes()
    plain: dict[str, Any] = orjson.loads(content)
    return plain


@lru_cache(maxsize=4)
def load(version: str = CURRENT) -> Model:
    """The model `version` that ships with the package."""
    return build(shipped(version))
