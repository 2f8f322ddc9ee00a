"""Searches on contained resources. https://hl7.org/fhir/R4/search.html#contained

The same conditions are asked of the rows of `search.contained`. A contained resource is seen by who sees
its container, if the caller's scopes also allow resources of its own type.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hie.fhir.definitions import type_number
from hie.search import sorting
from hie.search.contained import contained_rows
from hie.search.context import Context
from hie.search.emit import emit
from hie.search.page_statements import RESOURCES, part_statement
from hie.search.pages import is_plain, is_walked
from hie.search.permitted import permitted, permitted_inside
from hie.search.problems import refused
from hie.search.query import Branch, Query
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of, grouped

WAITING = "SELECT FROM search.reindex WHERE NOT contained LIMIT 1"


@dataclass(frozen=True, slots=True)
class Inside:
    """What is found among contained resources: rows `r` of a relation that satisfy a condition."""

    rows: Sql
    where: Sql
    walked: bool = False
    """Whether PostgreSQL knows how many there are, and so may read them in order until the page is full."""

    def page(self, criteria: list[sorting.Key], limit: int, place: list[str | None] | None) -> Sql:
        """The statement for the first rows behind the place."""
        part = sorting.Part(TRUE, criteria, place)
        sort = not self.walked or criteria[0] != sorting.ROW_KEY
        return part_statement(self.where, criteria, part, limit, sort=sort, rows=self.rows)

    def count(self, also: Sql) -> Sql:
        """The statement that counts those that satisfy `also`, too."""
        where = all_of((self.where, also))
        return Sql(
            f"SELECT count(*) FROM {self.rows.text} WHERE {where.text}",
            (*self.rows.values, *where.values),
        )


NOTHING = Inside(RESOURCES, FALSE)


async def inside_of(query: Query, context: Context) -> Inside:
    """What the search asks of contained resources, or of their containers where these are wanted.

    Problem 400 while resources are stored of which it is not known what they contain.
    """
    if query.contained == "false":
        return NOTHING
    if await (await context.connection.execute(WAITING)).fetchone() is not None:
        raise refused(
            "_contained",
            "what stored resources contain is not indexed yet; the operator has to run hie reindex",
            "已存资源中被包含的资源尚未建立索引，请运维人员运行 hie reindex",
            "transient",
        )
    inner = replace(context, contained=True)
    parts = [
        (await _matching(branch, inner), type_number(branch.type)) for branch in query.branches
    ]
    where = any_of(
        all_of((_of_types(types), part)) for part, types in grouped(parts) if part != FALSE
    )
    visible = permitted(context.restriction, None)
    if FALSE in (where, visible):
        return NOTHING
    rows = contained_rows(visible)
    if query.contained_type == "contained":
        walked = is_walked(query, context) and is_plain(query.branches[0])
        return Inside(rows, where, walked)
    found = f"SELECT r.patient_key, r.container FROM {rows.text} WHERE {where.text}"
    return Inside(
        RESOURCES,
        Sql(f"(r.patient_key, r.key) IN ({found})", (*rows.values, *where.values)),
    )


def _of_types(types: Sequence[int]) -> Sql:
    """The rows of the types; those of a single one are in order of their keys."""
    if len(types) == 1:
        return Sql("r.type = %s", (types[0],))
    return Sql("r.type = ANY(%s::smallint[])", (list(types),))


async def _matching(branch: Branch, context: Context) -> Sql:
    conditions = [await emit(node, branch.type, context) for node in branch.where.nodes]
    return all_of((permitted_inside(context.restriction, branch.type), *conditions))
