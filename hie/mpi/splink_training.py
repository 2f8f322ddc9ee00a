"""Splink estimates u and m over the levels of our own comparisons. https://moj-analytical-services.github.io/splink/

Splink wants comparisons in SQL; here the SQL calls back into the one definition that scoring uses, as a
function of DuckDB, so the two cannot drift apart. A block makes its own fields agree, so under each
block only the other fields are learned.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import orjson
import splink.comparison_level_library as level_library
from splink import Linker, SettingsCreator, block_on
from splink.comparison_library import CustomComparison
from splink.internals.duckdb.database_api import DuckDBAPI

from hie.mpi.comparisons import Comparisons
from hie.mpi.features import Features, from_json, to_json

ROUNDS = 12
"""More would drive levels that a block hardly has below what Splink accepts (1e-300)."""

Table = dict[str, dict[str, float]]


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
            "hie_level", self._function(), ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR"
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

    def _function(self) -> Any:
        compare = self.comparisons.compare

        @lru_cache(maxsize=65536)
        def parsed(features: str) -> Features:
            return from_json(orjson.loads(features))

        @lru_cache(maxsize=65536)
        def levels(left: str, right: str) -> dict[str, str]:
            return compare(parsed(left), parsed(right))

        return lambda field, left, right: levels(left, right)[field]

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
            comparisons=[self._comparison(field, m, u) for field in m if field not in bound],
            blocking_rules_to_generate_predictions=[],
            retain_matching_columns=False,
            max_iterations=ROUNDS,
        )
        table = DuckDBAPI(self.connection).register("person")
        return Linker(table, settings, log_level="ERROR")

    def _comparison(self, field: str, m: Table, u: Table) -> CustomComparison:
        asked = f"hie_level('{field}', features_l, features_r)"
        known = [level for level in self.comparisons.levels[field] if level in m[field]]
        levels = [
            level_library.CustomLevel(f"{asked} = 'missing'", "missing").configure(
                is_null_level=True
            )
        ]
        levels += [
            level_library.CustomLevel(f"{asked} = '{level}'", level).configure(
                m_probability=m[field][level], u_probability=u[field][level]
            )
            for level in known
        ]
        return CustomComparison([*levels, level_library.ElseLevel()], output_column_name=field)

    @staticmethod
    def _learned(linker: Linker, name: str, before: Table) -> Table:
        found: Table = {}
        for comparison in linker.misc.save_model_to_json()["comparisons"]:
            field = comparison["output_column_name"]
            found[field] = {
                level["label_for_charts"]: level[name]
                for level in comparison["comparison_levels"]
                if level["label_for_charts"] in before[field] and name in level
            }
        return found
