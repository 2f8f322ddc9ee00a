"""A whole population linked anew on Spark, for what one machine cannot hold. https://spark.apache.org/docs/latest/api/python/

The same three steps as in `batch`, and the same proposals. Which registrations touch is said by the SQL
of `batch`, translated. Splink weighs the pairs by our comparisons and the model's m and u, leaves out
those that can have no part in a person, and connects the others; so no group grows with the
population. Each group then goes through the roster, on Spark's workers, which need this package.
https://moj-analytical-services.github.io/splink/topic_guides/splink_fundamentals/backends/backends.html
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlglot
from pyspark.sql import SparkSession
from splink import Linker, SettingsCreator
from splink.internals.spark.database_api import SparkAPI

from hie.mpi import batch
from hie.mpi.batch import Apart, Figures, Linked
from hie.mpi.candidates import BLOCK_CAP
from hie.mpi.comparisons import COMPARISONS, Comparisons
from hie.mpi.model import Model
from hie.mpi.score import Surroundings
from hie.mpi.splink_comparison import LEVEL, comparison, level_function

FEWEST_BITS = -20.0
"""Under so many bits, without what rare names add, a pair has no part in a person. Very low: a
registration is weighed against all that is known of a person, which may be more than one pair shows."""
COLUMNS = "number BIGINT, birth STRING, keys STRING, features STRING"
TOUCHING = """
SELECT r.number AS unique_id, r.features FROM registration r
JOIN (SELECT low AS number FROM edge UNION SELECT high FROM edge) e ON e.number = r.number
"""
# The form of Splink's own table of pairs.
BLOCKED = "SELECT '0' AS match_key, low AS join_key_l, high AS join_key_r FROM edge"
TOGETHER = """
SELECT c.cluster_id, r.number, r.keys, r.features
FROM grouped c JOIN registration r ON r.number = c.unique_id
"""
ALONE = """
SELECT number FROM registration r WHERE NOT EXISTS (
    SELECT 1 FROM edge e WHERE e.low = r.number OR e.high = r.number
)
"""

Group = tuple[int, Iterable[tuple[int, str, str]]]


def session(master: str) -> SparkSession:
    """Spark at `master`; what runs on this machine runs in this Python."""
    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    found: SparkSession = SparkSession.builder.master(master).appName("hie mpi run").getOrCreate()
    return found


def link(
    file: Path, model: Model, *, session: SparkSession, figures: Figures, apart: Apart = ()
) -> Iterator[Linked]:
    """As `batch.link`. `file` lies where all of Spark's workers find it; intermediate results go beside it."""
    chosen = COMPARISONS[model.comparisons]
    session.sparkContext.setCheckpointDir(str(file.parent / "checkpoint"))
    frame = session.read.csv(str(file), schema=COLUMNS, escape='"', emptyValue="")
    frame.fillna("").createOrReplaceTempView("registration")
    _view(session, "block", batch.BLOCKS, BLOCK_CAP)
    _view(session, "special", batch.SPECIAL)
    _view(session, "pair", batch.PAIRS, 1, 0)
    _view(session, "edge", batch.EDGES, chosen.fewest, chosen.fewest)
    figures.registrations = session.table("registration").count()
    figures.pairs = session.table("edge").count()
    births = {row[0]: row[1] for row in session.sql(_translated(batch.BIRTHS)).collect()}
    around = batch.surroundings(figures.registrations, births)
    _connected(session, model, chosen, around)
    told = session.sparkContext.broadcast((model, around, apart))

    def clusters(group: Group) -> list[Linked]:
        return batch.cluster(batch.members_of(group[1]), *told.value)

    rows = session.sql(TOGETHER).rdd.map(lambda row: (row[0], (row[1], row[2], row[3])))
    for (number,) in session.sql(ALONE).toLocalIterator():
        yield Linked(number, number)
    for registration, cluster in rows.groupByKey().flatMap(clusters).toLocalIterator():
        yield Linked(registration, cluster)


def _view(session: SparkSession, name: str, statement: str, *values: int) -> None:
    found = session.sql(_translated(statement), args=list(values)).checkpoint()
    found.createOrReplaceTempView(name)


def _translated(statement: str) -> str:
    return sqlglot.transpile(statement, read="duckdb", write="spark")[0]


def _connected(
    session: SparkSession, model: Model, chosen: Comparisons, around: Surroundings
) -> None:
    """Make the view `grouped`: which of the touching registrations Splink connects."""
    session.udf.register(LEVEL, level_function(chosen), "string")
    settings = SettingsCreator(
        link_type="dedupe_only",
        probability_two_random_records_match=2**around.prior_bits,
        comparisons=[
            comparison(chosen, field, model.m[field], model.u[field]) for field in model.m
        ],
        blocking_rules_to_generate_predictions=[],
        retain_matching_columns=False,
    )
    spark = SparkAPI(  # type: ignore[no-untyped-call]
        spark_session=session, register_udfs_automatically=False
    )
    linker = Linker(spark.register(session.sql(TOUCHING)), settings, log_level="ERROR")
    linker.table_management.register_blocked_pairs_for_predict(spark.register(session.sql(BLOCKED)))
    weighed = linker.inference.predict(threshold_match_weight=FEWEST_BITS, warning_mode="never")
    grouped = linker.clustering.cluster_pairwise_predictions_at_threshold(
        weighed, threshold_match_weight=FEWEST_BITS
    )
    session.table(grouped.physical_name).createOrReplaceTempView("grouped")
