"""Our comparisons as Splink's. https://moj-analytical-services.github.io/splink/topic_guides/comparisons/customising_comparisons.html

Splink wants comparisons in SQL; here the SQL calls back into the one definition that scoring uses, as a
function of DuckDB or of Spark, so the two cannot drift apart.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import orjson
import splink.comparison_level_library as level_library
from splink.comparison_library import CustomComparison

from hie.mpi.comparisons import Comparisons
from hie.mpi.features import Features, from_json

LEVEL = "hie_level"
"""The SQL function: field, features of the left, features of the right; gives the level."""

Table = dict[str, dict[str, float]]
Compare = Callable[[Features, Features], dict[str, str]]


def level_function(comparisons: Comparisons) -> Callable[[str, str, str], str]:
    """What stands behind `LEVEL`; Spark sends it to its workers. All fields of a pair are compared once."""
    compare = comparisons.compare
    return lambda field, left, right: _levels(compare, left, right)[field]


@lru_cache(maxsize=65536)
def _levels(compare: Compare, left: str, right: str) -> dict[str, str]:
    return compare(_parsed(left), _parsed(right))


@lru_cache(maxsize=65536)
def _parsed(features: str) -> Features:
    return from_json(orjson.loads(features))


def comparison(
    comparisons: Comparisons, field: str, m: Mapping[str, float], u: Mapping[str, float]
) -> CustomComparison:
    """One field with its levels and their chances."""
    asked = f"{LEVEL}('{field}', features_l, features_r)"
    levels = [
        level_library.CustomLevel(f"{asked} = 'missing'", "missing").configure(is_null_level=True)
    ]
    levels += [
        level_library.CustomLevel(f"{asked} = '{level}'", level).configure(
            m_probability=m[level], u_probability=u[level]
        )
        for level in comparisons.levels[field]
        if level in m
    ]
    return CustomComparison([*levels, level_library.ElseLevel()], output_column_name=field)
