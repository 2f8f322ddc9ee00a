"""What chains and `_has` share: the rows at the other end of a reference, and whose they are.

https://hl7.org/fhir/R4/search.html#chaining, #has

A *scope* is a condition that few rows satisfy, literally named or of certain patients. Within one, a
chain or `_has` is asked only of what these rows point to or are pointed to by; without one, of all.
"""

from collections.abc import Awaitable, Callable, Collection, Sized

from hie.fhir.definitions import type_number
from hie.search.context import LARGEST_EXPANSION, Context, Numerous
from hie.search.parameters import Parameter, kept, patient_parameters
from hie.search.permitted import permitted
from hie.search.primary import patient_ranks
from hie.search.problems import too_costly
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of

Inner = Callable[[Sql | None], Awaitable[Sql]]
"""Gives the condition on the rows at the other end; with a scope, one that holds within it."""

FEW = 64
"""Numbers that are compared with the array of each row."""
IDS_FOR_A_PATIENT = 5
"""Looking up as many references costs as much as reading all rows of one patient."""


def stands_alone(type_name: str) -> bool:
    """Whether the patient key of a row of this type is the hash of its own reference."""
    return type_name == "Patient" or not patient_ranks(type_name)


def allowed_rows(type_name: str, inner: Sql, context: Context) -> Sql:
    """The rows of the type that the caller may see and that satisfy `inner`."""
    own = Sql("r.type = %s", (type_number(type_name),))
    return all_of((own, permitted(context.restriction, type_name), inner))


def names_primary(parameter: Parameter, type_name: str) -> bool:
    """Whether a reference to a Patient by the parameter always names the row's primary patient."""
    return parameter.code in patient_parameters(type_name)


def by_parameter(parameter: Parameter, type_name: str, context: Context) -> Sql:
    """That the row stands with its patient because of this parameter, which names the primary one."""
    if len(patient_ranks(type_name)) == len(patient_parameters(type_name)):
        return TRUE
    names = (context.name(part) for part in kept(type_name)[parameter.code])
    return any_of(Sql("r.tokens @> ARRAY[%s::bigint # r.patient_key]", (name,)) for name in names)


def rows_of(patient_keys: Collection[int]) -> Sql:
    """The rows of some patients; of one alone the index gives them in order of date."""
    if not patient_keys:
        return FALSE
    if len(patient_keys) == 1:
        return Sql("r.patient_key = %s", tuple(patient_keys))
    return Sql("r.patient_key = ANY(%s::bigint[])", (sorted(patient_keys),))


def rows_with(tokens: Collection[int], table: str = "store.resource") -> Sql:
    """The rows of a table that have one of the tokens."""
    if not tokens:
        return FALSE
    if len(tokens) <= FEW:
        return Sql("r.tokens && %s::bigint[]", (sorted(tokens),))
    # Comparing whole arrays with each row would take longer than looking each number up. PostgreSQL
    # expects each to be in thousands of rows: OFFSET keeps it from reading those of other conditions.
    return Sql(
        "r.key = ANY(ARRAY(SELECT x.key FROM unnest(%s::bigint[]) AS token CROSS JOIN LATERAL "
        f"(SELECT x.key FROM {table} x WHERE x.tokens @> ARRAY[token] OFFSET 0) AS x))",
        (sorted(tokens),),
    )


def tested(rows: Sql) -> Sql:
    """The same condition for rows that another index gives: tokens are compared and not looked up."""
    return Sql(rows.text.replace("r.tokens", "(r.tokens || '{}')"), rows.values)


async def values(context: Context, statement: Sql) -> list[int]:
    """The first column of all rows."""
    cursor = await context.connection.execute(statement.text, statement.values)
    return [row[0] for row in await cursor.fetchall()]


async def patients_of(scope: Sql, context: Context) -> set[int] | None:
    """The patient keys of the scope's rows; None if there are too many."""
    statement = f"SELECT DISTINCT r.patient_key FROM store.resource r WHERE {scope.text} LIMIT %s"
    found = await values(context, Sql(statement, (*scope.values, LARGEST_EXPANSION + 1)))
    return set(found) if len(found) <= LARGEST_EXPANSION else None


async def few(context: Context, statement: Sql) -> set[int]:
    """The different values of a statement that gives no more than `context.few` rows; else Numerous."""
    assert context.few is not None  # noqa: S101 - the caller asks only then
    found = await values(
        context, Sql(f"{statement.text} LIMIT {context.few + 1}", statement.values)
    )
    if len(found) > context.few:
        raise Numerous
    return set(found)


def limit(context: Context) -> int:
    """How many resources may satisfy a condition that is resolved to their ids."""
    return LARGEST_EXPANSION if context.few is None else IDS_FOR_A_PATIENT * context.few


def check(found: Sized, parameter: Parameter, context: Context) -> None:
    """Raise if there are more than `limit`: Numerous while counting, otherwise Problem 400."""
    if len(found) <= limit(context):
        return
    if context.few is not None:
        raise Numerous
    raise too_costly(
        f"Search parameter '{parameter.code}': more than {LARGEST_EXPANSION} "
        "resources satisfy the chained condition; narrow it",
        f"检索参数“{parameter.code}”：满足链式条件的资源超过 {LARGEST_EXPANSION} 个，请缩小范围",
    )
