"""Weights without labels: u by sampling, m by expectation–maximisation under four different blocks.

Fellegi and Sunter (1969); Winkler, "Using the EM algorithm for weight computation in the
Fellegi–Sunter model" (1988). Levels come from `compare`, the same that scoring uses. A block makes
its own fields agree, so each block teaches only the others, and the results are averaged.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from hie.mpi import compare
from hie.mpi.comparisons import COMPARISONS, Comparisons
from hie.mpi.features import Features

SAMPLE = 200_000
BLOCK_SIZE = 30
ROUNDS = 40
PSEUDO = 200.0
"""How many imagined pairs the model in use weighs, so that levels never seen keep a weight."""

Table = dict[str, dict[str, float]]
Pattern = tuple[tuple[str, str], ...]


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
    chooser = random.Random(seed)  # noqa: S311 - a sample, not a secret
    chosen = COMPARISONS[old["comparisons"]]
    u = _smoothed(_strangers(population, chosen, chooser, sample), old["u"])
    m: Table = {field: dict(levels) for field, levels in old["m"].items()}
    learned: dict[str, list[dict[str, float]]] = defaultdict(list)
    for letter, bound in chosen.blocks.items():
        patterns = _patterns(_pairs(population, chosen, letter, chooser, sample), chosen)
        for field, levels in maximise(patterns, m, u, bound).items():
            learned[field].append(levels)
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


def _strangers(
    population: Sequence[Features], chosen: Comparisons, chooser: random.Random, sample: int
) -> Table:
    """Levels of randomly drawn pairs, nearly all of them two people."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _ in range(sample):
        one, two = chooser.choice(population), chooser.choice(population)
        if one is not two:
            for field, level in chosen.compare(one, two).items():
                counts[field][level] += 1
    return {field: dict(found) for field, found in counts.items()}


def _smoothed(counts: Mapping[str, Mapping[str, float]], old: Mapping[str, Any]) -> Table:
    """Shares of the levels other than "missing", with the old model as a weak opinion."""
    table: Table = {}
    for field, levels in old.items():
        known = counts.get(field, {})
        total = sum(n for level, n in known.items() if level != "missing")
        whole = sum(levels.values())
        table[field] = {
            level: (known.get(level, 0) + PSEUDO * share / whole) / (total + PSEUDO)
            for level, share in levels.items()
        }
    return table


def _pairs(
    population: Sequence[Features],
    chosen: Comparisons,
    letter: str,
    chooser: random.Random,
    sample: int,
) -> Iterable[tuple[Features, Features]]:
    blocks: dict[str, list[int]] = defaultdict(list)
    for place, features in enumerate(population):
        for text in chosen.texts(features):
            if text[0] == letter:
                blocks[text].append(place)
    shared = [places for places in blocks.values() if 2 <= len(places) <= BLOCK_SIZE]
    chooser.shuffle(shared)
    every = (pair for places in shared for pair in combinations(places, 2))
    for one, two in islice(every, sample):
        yield population[one], population[two]


def _patterns(pairs: Iterable[tuple[Features, Features]], chosen: Comparisons) -> Counter[Pattern]:
    return Counter(tuple(chosen.compare(one, two).items()) for one, two in pairs)


def maximise(
    patterns: Mapping[Pattern, int], m: Mapping[str, Mapping[str, float]],
    u: Mapping[str, Mapping[str, float]], bound: frozenset[str],
) -> Table:  # fmt: skip
    """m of every field outside `bound`, from how often each pattern of levels occurs."""
    current: Table = {field: dict(levels) for field, levels in m.items() if field not in bound}
    matched = 0.5
    for _ in range(ROUNDS):
        counts: Table = {field: dict.fromkeys(levels, 0.0) for field, levels in current.items()}
        total = weight = 0.0
        for pattern, times in patterns.items():
            yes, no = matched, 1 - matched
            for field, level in pattern:
                if field in current and level in current[field]:
                    yes *= current[field][level]
                    no *= u[field][level]
            share = times * yes / (yes + no) if yes + no else 0.0
            weight += share
            total += times
            for field, level in pattern:
                if field in current and level in current[field]:
                    counts[field][level] += share
        matched = min(max(weight / total, 1e-6), 1 - 1e-6) if total else matched
        current = _smoothed(counts, {field: m[field] for field in current})
    return current


def _decided(m: Table, decisions: Sequence[tuple[compare.Levels, bool]]) -> Table:
    """m with the pairs that reviewers joined counted in.

    Reviewers see only doubtful pairs, so theirs are counted beside the learned ones, not instead.
    """
    counts: Table = defaultdict(lambda: defaultdict(float))
    for levels, same in decisions:
        if same:
            for field, level in levels.items():
                counts[field][level] += 1
    return _smoothed(counts, m) if counts else m


def expected_precision(patterns: Iterable[float], certain_bits: float) -> float:
    """The mean probability of the pairs that `certain_bits` would link, by their bits.

    What the model believes of itself; how right it is, `hie mpi evaluate` says where truth is known.
    """
    chosen = [1 / (1 + 2**-bits) for bits in patterns if bits >= certain_bits]
    return sum(chosen) / len(chosen) if chosen else 1.0
