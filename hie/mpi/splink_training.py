"""Splink estimates u and m over the levels of our own comparisons. https://moj-analytical-services.github.io/splink/

A block makes its own fields agree, so under each block only the other fields are learned.
"""

from collections.abc import Mapping, Sequence

import duckdb
import orjson
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

from hie.mpi.comparisons import Comparisons
from hie.mpi.features import Features, to_json
from hie.mpi.splink_comparison import LEVEL, Table, comparison, level_function

ROUNDS = 12
"""More would drive levels that a block hardly has below what Splink accepts (1e-300)."""


class Estimation:
    """A population in DuckDB, with the comparisons as a function there."""

    def __init__(
        self,
        population: Sequence[Features],
        comparisons: Comparisons,
        blocks: Mapping[str, Sequence[str | None]],
    ) -> None:
        self.comparisons = comparisons
        self.connection = duckdb.connect()
        self.connection.create_function(
            LEVEL, level_function(comparisons), ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR"
        )
        columns = "".join(f", block_{letter} VARCHAR" for letter in blocks)
        self.connection.execute(
            f"CREATE TABLE person (unique_id BIGINT, features VARCHAR{columns})"
        )
        rows = [
            (
                number,
                orjson.dumps(to_json(one)).decode(),
                *(keys[number] for keys in blocks.values()),
            )
            for number, one in enumerate(population)
        ]
        marks = ", ".join("?" * (2 + len(blocks)))
        self.connection.executemany(f"INSERT INTO person VALUES ({marks})", rows)

    def u(self, old: Table, sample: int, seed: int) -> Table:
        """The share of each level among pairs drawn at random."""
        linker = self._linker(old, old, frozenset())
        linker.training.estimate_u_using_random_sampling(
            max_pairs=sample, seed=seed, min_count_per_level=None
        )
        return self._learned(linker, "u_probability", old)

    def m(self, letter: str, bound: frozenset[str], m: Table, u: Table) -> Table:
        """The share of each level among matching pairs, from those that share a block `letter`."""
        linker = self._linker(m, u, bound)
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(f"block_{letter}"), record_sample_proportion=1.0
            )
        except ValueError:  # a level that this block lacks altogether: it has nothing to teach
            return {}
        return self._learned(linker, "m_probability", m)

    def _linker(self, m: Table, u: Table, bound: frozenset[str]) -> Linker:
        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[
                comparison(self.comparisons, field, m[field], u[field])
                for field in m
                if field not in bound
            ],
            blocking_rules_to_generate_predictions=[],
            retain_matching_columns=False,
            max_iterations=ROUNDS,
        )
        table = DuckDBAPI(self.connection).register("person")
        return Linker(table, settings, log_level="ERROR")

    @staticmethod
    def _learned(linker: Linker, name: str, before: Table) -> Table:
        found: Table = {}
        for learned in linker.misc.save_model_to_json()["comparisons"]:
            field = learned["output_column_name"]
            found[field] = {
                level["label_for_charts"]: level[name]
                for level in learned["comparison_levels"]
                if level["label_for_charts"] in before[field] and name in level
            }
        return found
