"""The index beside deterministic rules and Splink, on the same registrations in the same run.

`python tests/bench/identity_table.py FILE…` or `--habits port --persons 8000`; prints Markdown. Rules are the
best that we could write by hand; Splink has the comparisons that its documentation gives for people
(https://moj-analytical-services.github.io/splink/demos/examples/duckdb/deduplicate_50k_synthetic.html)
on cleaned columns, trained on the data, clustered at the probability that did best for it.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import duckdb
import splink.comparison_library as compare
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

from hie.kit.hashing import Hasher
from hie.mpi import batch
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.features import Features, of_patient
from hie.mpi.model import load
from hie.mpi.population import POPULATIONS, population
from hie.mpi.quality import Quality, quality
from hie.mpi.registration_file import patient, read

Row = Mapping[str, str]


class Sets:
    """Disjoint sets of numbers."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, one: int) -> int:
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, members: Sequence[int]) -> None:
        for other in members[1:]:
            self.parent[self.find(other)] = self.find(members[0])

    def names(self) -> list[int]:
        return [self.find(one) for one in range(len(self.parent))]


def grouped(keys: Iterable[tuple[int, object]], size: int) -> list[int]:
    """Sets of the numbers that share a key; chained over all keys."""
    found: dict[object, list[int]] = defaultdict(list)
    for number, key in keys:
        found[key].append(number)
    sets = Sets(size)
    for members in found.values():
        sets.join(members)
    return sets.names()


def raw_numbers(rows: Sequence[Row], _: Sequence[Features]) -> list[int]:
    """Equal identity number as written."""
    return grouped(((n, r["id_no"]) for n, r in enumerate(rows) if r.get("id_no")), len(rows))


def rules(rows: Sequence[Row], people: Sequence[Features]) -> list[int]:
    """Trusted identity number; name with birth date and phone, or door; card with name."""
    keys: list[tuple[int, object]] = []
    for number, one in enumerate(people):
        keys += [(number, ("i", value)) for value in (*one.numbers, *one.passports)]
        for name in one.names:
            if name.kind == "newborn":
                continue
            for born in one.births:
                keys += [(number, ("t", name.letters, born, phone)) for phone in one.phones]
                keys += [
                    (number, ("a", name.letters, born, home.community, home.door))
                    for home in one.homes
                    if home.door
                ]
            keys += [(number, ("c", name.letters, card)) for card in one.cards]
    return grouped(keys, len(rows))


def ours(_: Sequence[Row], people: Sequence[Features]) -> list[int]:
    """The index, in batch."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "registration.csv"
        batch.write(file, people, COMPARISONS["chinese"], Hasher(b"bench"))
        found = dict(batch.link(file, load()))
    return [found[number] for number in range(len(people))]


def _cleaned(number: int, one: Features) -> tuple[object, ...]:
    name = one.names[0] if one.names else None
    home = one.homes[0] if one.homes else None
    return (
        number, name.text if name else None, name.family if name else None, name.letters if name else None,
        one.births[0] if one.births and len(one.births[0]) == 10 else None, one.sex or None,
        next(iter((*one.numbers, *one.foreign, *one.damaged, *one.passports)), None),
        next(iter(one.phones), None), next(iter(one.cards), None),
        f"{home.community} {home.door}".strip() or None if home else None,
    )  # fmt: skip


def splink_at(people: Sequence[Features], thresholds: Sequence[float]) -> dict[float, list[int]]:
    """Clusters of Splink at each match probability."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE person (unique_id BIGINT, name VARCHAR, family VARCHAR, pinyin VARCHAR, dob VARCHAR,"
        " sex VARCHAR, number VARCHAR, phone VARCHAR, card VARCHAR, address VARCHAR)"
    )
    connection.executemany(
        f"INSERT INTO person VALUES ({', '.join('?' * 10)})",
        [_cleaned(number, one) for number, one in enumerate(people)],
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            compare.NameComparison("name").configure(term_frequency_adjustments=True),
            compare.DateOfBirthComparison("dob", input_is_string=True, datetime_format="%Y-%m-%d"),
            compare.ExactMatch("sex"),
            compare.LevenshteinAtThresholds("number", [1, 2]),
            compare.LevenshteinAtThresholds("phone", [1]),
            compare.ExactMatch("card"),
            compare.ExactMatch("address"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("number"), block_on("name", "dob"), block_on("phone"), block_on("card"),
            block_on("pinyin", "substr(dob, 1, 4)"), block_on("dob", "sex", "family"), block_on("dob", "address"),
        ],
        retain_matching_columns=False,
    )  # fmt: skip
    interface = DuckDBAPI(connection)
    linker = Linker(interface.register("person"), settings, log_level="ERROR")
    linker.training.estimate_probability_two_random_records_match(
        [block_on("number"), block_on("name", "dob", "phone")], recall=0.8
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("number"), block_on("name", "dob"), block_on("phone")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=min(thresholds))
    found = {}
    for threshold in thresholds:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold)
        rows = connection.execute(
            f"SELECT unique_id, cluster_id FROM {clusters.physical_name}"
        ).fetchall()
        by_number = dict(rows)
        found[threshold] = [by_number[number] for number in range(len(people))]
    return found


def line(method: str, found: Quality, persons: int, seconds: float | None) -> str:
    over = found.over_merged * 100_000 / persons
    took = "" if seconds is None else f"{seconds:.0f}"
    return (
        f"| {method} | {found.precision:.4f} | {found.recall:.4f} | {found.f1:.4f} | "
        f"{found.over_merged} ({over:.0f}) | {took} |"
    )


def table(title: str, rows: Sequence[Row]) -> None:
    truth = [row["true_person"] for row in rows]
    persons = len(set(truth))
    people = [of_patient(patient(row)) for row in rows]
    print(f"\n{title}: {len(rows)} registrations of {persons} persons\n")
    print("| method | P | R | F1 | over-merged (in 100,000) | s |\n|---|---|---|---|---|---|")
    for name, method in (("equal identity numbers", raw_numbers), ("rules", rules)):
        print(line(name, quality(truth, method(rows, people)), persons, None), flush=True)
    began = perf_counter()
    judged = {t: quality(truth, f) for t, f in splink_at(people, (0.9, 0.99, 0.999)).items()}
    best = max(judged, key=lambda threshold: judged[threshold].f1)
    print(line(f"Splink, p ≥ {best}", judged[best], persons, perf_counter() - began), flush=True)
    began = perf_counter()
    found = quality(truth, ours(rows, people))
    print(line("hie, in batch", found, persons, perf_counter() - began), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--habits", nargs="*", choices=POPULATIONS, default=[])
    parser.add_argument("--persons", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    for file in given.files:
        table(file.name, read(file))
    for habits in given.habits:
        table(f"{habits}, seed {given.seed}", list(population(habits, given.persons, given.seed)))
