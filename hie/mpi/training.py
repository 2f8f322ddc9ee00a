"""Weights without labels: u by sampling, m by expectation–maximisation under four different blocks.

Fellegi and Sunter (1969); Winkler, "Using the EM algorithm for weight computation in the
Fellegi–Sunter model" (1988). Splink does the estimating (`splink_training`); here are the blocks it
learns under, what reviewers decided, and a weak opinion of the model in use for levels hardly seen.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from hie.mpi import compare
from hie.mpi.comparisons import COMPARISONS, Comparisons
from hie.mpi.features import Features
from hie.mpi.model import Model
from hie.mpi.score import Surroundings, score
from hie.mpi.splink_training import Estimation

SAMPLE = 200_000
BLOCK_SIZE = 30
FEWEST_PAIRS = 50
"""Under fewer pairs a block teaches nothing."""
PSEUDO = 200.0
"""How many imagined pairs the model in use weighs, so that levels never seen keep a weight."""

Table = dict[str, dict[str, float]]


def frequencies(population: Sequence[Features], comparisons: str) -> dict[str, Any]:
    """How common families and given characters (in English: given names) are."""
    families: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for features in population:
        for name in features.names:
            if comparisons == "english":
                families[name.family] += 1
                characters[name.given] += 1
            elif name.kind == "han" and name.family:
                families[name.family] += 1
                characters.update(name.given)
    named, given = max(families.total(), 1), max(characters.total(), 1)
    return {
        "families": {k: round(n / named, 7) for k, n in sorted(families.items()) if n > 2},
        "characters": {k: round(n / given, 7) for k, n in sorted(characters.items()) if n > 4},
    }


def train(
    population: Sequence[Features],
    old: Mapping[str, Any],
    *,
    version: str,
    decisions: Sequence[tuple[compare.Levels, bool]] = (),
    sample: int = SAMPLE,
    seed: int = 1,
) -> dict[str, Any]:
    """The data of a new model file, learned from `population`; `old` is the file in use.

    `decisions` are reviewers': the levels that they saw and whether it was one person. `sample` is
    how many pairs of strangers are drawn, and at most taken from each block.
    """
    chosen = COMPARISONS[old["comparisons"]]
    blocks = {
        letter: _block(population, chosen, letter, sample, random.Random(seed))  # noqa: S311 - a sample
        for letter in chosen.blocks
    }
    estimation = Estimation(population, chosen, blocks)
    u = _smoothed(estimation.u(old["u"], sample, seed), old["u"], sample)
    m: Table = {field: dict(levels) for field, levels in old["m"].items()}
    learned: dict[str, list[dict[str, float]]] = defaultdict(list)
    for letter, bound in chosen.blocks.items():
        pairs = _pairs(blocks[letter])
        if pairs < FEWEST_PAIRS:
            continue
        for field, levels in estimation.m(letter, bound, m, u).items():
            learned[field].append(_smoothed({field: levels}, {field: m[field]}, pairs)[field])
    for field, tables in learned.items():
        m[field] = {
            level: sum(table[level] for table in tables) / len(tables) for level in m[field]
        }
    m = _decided(m, decisions)
    rounded = {
        name: {f: {k: float(f"{v:.6g}") for k, v in levels.items()} for f, levels in table.items()}
        for name, table in (("m", m), ("u", u))
    }
    return {**old, "version": version, **rounded, **frequencies(population, old["comparisons"])}


def _smoothed(shares: Table, old: Mapping[str, Any], pairs: float) -> Table:
    """`shares`, found among `pairs`, with the model in use as a weak opinion."""
    table: Table = {}
    for field, levels in old.items():
        known = shares.get(field, {})
        if len(levels) < 2:  # nothing to compare with
            table[field] = dict(levels)
            continue
        whole, total = sum(levels.values()), sum(known.values()) or 1.0
        table[field] = {
            level: (pairs * known.get(level, 0.0) / total + PSEUDO * share / whole)
            / (pairs * bool(known) + PSEUDO)
            for level, share in levels.items()
        }
    return table


def _block(
    population: Sequence[Features], chosen: Comparisons, letter: str, sample: int,
    chooser: random.Random,
) -> list[str | None]:  # fmt: skip
    """Of each registration a block key that begins with `letter`; None for those left out."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, features in enumerate(population):
        first = next((text for text in chosen.texts(features) if text[0] == letter), None)
        if first is not None:
            members[first].append(place)
    shared = [(key, places) for key, places in members.items() if 2 <= len(places) <= BLOCK_SIZE]
    chooser.shuffle(shared)
    found: list[str | None] = [None] * len(population)
    pairs = 0
    for key, places in shared:
        pairs += len(places) * (len(places) - 1) // 2
        if pairs > sample:
            break
        for place in places:
            found[place] = key
    return found


def _pairs(keys: Sequence[str | None]) -> int:
    counts = Counter(key for key in keys if key is not None)
    return sum(count * (count - 1) // 2 for count in counts.values())


def _decided(m: Table, decisions: Sequence[tuple[compare.Levels, bool]]) -> Table:
    """m with the pairs that reviewers joined counted in.

    Reviewers see only doubtful pairs, so theirs are counted beside the learned ones, not instead.
    """
    counts: Table = defaultdict(lambda: defaultdict(float))
    for levels, same in decisions:
        if same:
            for field, level in levels.items():
                if level in m[field]:
                    counts[field][level] += 1
    seen = sum(same for _, same in decisions)
    return _smoothed(counts, m, seen) if counts else m


def expected_precision(
    population: Sequence[Features], model: Model, *, sample: int = SAMPLE
) -> float:
    """The mean probability of the pairs that the model would link, among those that share a block.

    What the model believes of itself; how right it is, `hie mpi evaluate` says where truth is known.
    """
    chosen = COMPARISONS[model.comparisons]
    around = Surroundings(len(population))
    linked: list[float] = []
    for letter in chosen.blocks:
        members: dict[str, list[Features]] = defaultdict(list)
        keys = _block(population, chosen, letter, sample // len(chosen.blocks), random.Random(1))  # noqa: S311 - a sample
        for key, features in zip(keys, population, strict=True):
            if key is not None:
                members[key].append(features)
        for one, two in (pair for alike in members.values() for pair in combinations(alike, 2)):
            found = score(one, two, model, around)
            if found.bits >= model.certain_bits:
                linked.append(found.probability)
    return sum(linked) / len(linked) if linked else 1.0
