"""From the tree to a condition on the rows `r` of `store.resource`.

Rows reached through a chain or `_has` obey the caller's restriction like those returned: what may not
be read must not be found by its contents either.

Most nodes become SQL without asking anything. Words, chains and `_has` first ask the database which
resources they mean, and within a scope of few rows ask only about these.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import UnionType

from hie.errors import Problem
from hie.fhir.definitions import type_number
from hie.search.context import Context
from hie.search.full_text import matching
from hie.search.held import with_held
from hie.search.index import compartment_hash
from hie.search.listed import in_list
from hie.search.other_end import rows_of, tested
from hie.search.parameters import kept, patient_parameters
from hie.search.params.kinds import KINDS
from hie.search.params.reference import patients
from hie.search.params.token import has_token
from hie.search.permitted import permitted
from hie.search.pointing import pointing_here
from hie.search.primary import patient_ranks
from hie.search.problems import named
from hie.search.query import (
    All,
    Any,
    Branch,
    Chain,
    FullText,
    Has,
    Ids,
    InCompartment,
    InList,
    Match,
    Missing,
    Node,
    Not,
    Query,
    ReferenceValue,
)
from hie.search.reached import chained
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of, grouped, negation

BY_TOKENS = frozenset({"token", "reference", "uri"})
SHAPES = """
SELECT hash FROM search.vocabulary WHERE parameter = %s AND (strpos(text, %s) = 0) = %s
"""


async def condition(query: Query, context: Context, scope: Sql | None = None) -> Sql:
    """The condition for the whole query, restriction included; with a scope, one that holds within it.

    Of a search on several types the branches whose conditions are the same are asked together.
    """
    if query.type is not None:
        allowed = permitted(context.restriction, query.type)
        return await _branch(query.branches[0], allowed, context, scope)
    allowed = permitted(context.restriction, None)
    if any(isinstance(node, FullText) for branch in query.branches for node in branch.where.nodes):
        return any_of([await _branch(branch, allowed, context) for branch in query.branches])
    parts = [
        (await _nodes(branch, branch.where.nodes, context), type_number(branch.type))
        for branch in query.branches
    ]
    branches = any_of(
        all_of((Sql("r.type = ANY(%s::smallint[])", (types,)), part))
        for part, types in grouped(parts)
        if part != FALSE
    )
    return all_of((allowed, branches))


async def within(branch: Branch, nodes: Sequence[Node], scope: Sql, context: Context) -> Sql:
    """The condition for rows that satisfy `scope`, which are few, and all of the nodes."""
    found = scope
    for node in nodes:
        if found != FALSE:
            found = all_of((found, await emit(node, branch.type, context, found)))
    return found


def far(node: Node) -> bool:
    """Whether the node asks for something beyond references."""
    return _has(node, Chain | Has)


def reads(node: Node) -> bool:
    """Whether the node asks for words, for which bodies are read."""
    return _has(node, FullText)


def _has(node: Node, kinds: UnionType | type) -> bool:
    if isinstance(node, kinds):
        return True
    match node:
        case Not() | Chain() | Has():
            return _has(node.node, kinds)
        case All() | Any():
            return any(_has(each, kinds) for each in node.nodes)
        case _:
            return False


async def _branch(branch: Branch, allowed: Sql, context: Context, scope: Sql | None = None) -> Sql:
    """The condition for rows of one type.

    Words are looked for in what all else leaves over. So is what lies beyond a reference, in a search on
    certain patients: the other way round it would be asked of the whole district.
    """
    late = [
        node
        for node in branch.where.nodes
        if reads(node) or (far(node) and (branch.names_patient or scope is not None))
    ]
    others = [node for node in branch.where.nodes if node not in late]
    own = Sql("r.type = %s", (type_number(branch.type),))
    found = all_of((own, allowed, await _nodes(branch, others, context)))
    for node in late:
        if found == FALSE:
            break
        bounded = found if scope is None else all_of((scope, found))
        found = all_of((found, await emit(node, branch.type, context, bounded)))
    return found


async def _nodes(branch: Branch, nodes: Sequence[Node], context: Context) -> Sql:
    """The condition for some nodes of the branch.

    Where it names patients, their rows are read by the index that has them in order of date, and
    tokens are only tested: the token index would be asked about the whole district.
    """
    conditions = []
    for node in nodes:
        part = await emit(node, branch.type, context)
        inner = node.node if isinstance(node, Not) else node
        if isinstance(inner, Match) and inner.parameter.kind in BY_TOKENS and branch.names_patient:
            part = tested(part)
        conditions.append(part)
    return all_of(conditions)


async def emit(  # noqa: PLR0911 - by node
    node: Node, type_name: str, context: Context, scope: Sql | None = None
) -> Sql:
    """The condition for `node` in a search on `type_name`; with a scope, one that holds within it."""
    match node:
        case Match():
            return await _match(node, type_name, context)
        case Missing():
            return await _missing(node, type_name, context)
        case Ids():
            return Sql(
                "(r.type = ANY(%s::smallint[]) AND r.id = ANY(%s::text[]))",
                ([type_number(each) for each in node.types], list(node.ids)),
            )
        case InCompartment():
            return _in_compartment(node, type_name, context)
        case InList():
            return await in_list(node, type_name, context)
        case FullText():
            own = Sql("r.type = %s", (type_number(type_name),))
            allowed = permitted(context.restriction, type_name)
            return await matching(node, all_of((own, allowed, scope or TRUE)), context)
        case Chain():
            other = partial(emit, node.node, node.type, replace(context, contained=False))
            found = await chained(node, other, type_name, context, scope)
            if context.contained:
                return found
            inside = partial(emit, node.node, node.type, replace(context, contained=True))
            return await with_held(found, node, inside, type_name, context, scope)
        case Has():
            other = partial(emit, node.node, node.parameter.type_name, context)
            return await pointing_here(node, other, type_name, context, scope)
        case Not():
            inner = await emit(node.node, type_name, context, scope)
            # a comparison with what is not there is unknown, and that is not true
            return (
                negation(inner)
                if inner in (TRUE, FALSE)
                else Sql(f"({inner.text}) IS NOT TRUE", inner.values)
            )
        case All():
            return all_of([await emit(each, type_name, context, scope) for each in node.nodes])
        case Any():
            return any_of([await emit(each, type_name, context, scope) for each in node.nodes])


async def _match(node: Match, type_name: str, context: Context) -> Sql:
    parts = kept(type_name).get(node.parameter.code, (node.parameter,))
    try:
        found = await KINDS[node.parameter.kind].where(
            node.parameter, node.modifier, node.values, parts, context
        )
    except Problem as problem:
        raise (named(problem, node.asked) if node.asked else problem) from problem
    if context.contained or node.parameter.code not in patient_parameters(type_name):
        return found
    literal = [v for v in node.values if isinstance(v, ReferenceValue) and v.url is None]
    ids = patients(node.parameter, node.values)
    if len(ids) != len(node.values) or any(v.type != "Patient" for v in literal):
        return found
    # the primary patient is always the one this parameter names: the patient's own rows suffice
    own = rows_of({context.hasher(f"Patient/{logical_id}") for logical_id in ids})
    if len(patient_ranks(type_name)) == len(patient_parameters(type_name)):
        return own
    # a row may stand with the patient for another reason than this parameter
    return all_of((own, found))


async def _missing(node: Missing, type_name: str, context: Context) -> Sql:
    if node.parameter.code in ("_id", "_lastUpdated"):
        return FALSE if node.missing else TRUE
    cursor = await context.connection.execute(
        SHAPES, (-type_number(type_name), f" {node.parameter.code} ", node.missing)
    )
    return has_token({row[0] for row in await cursor.fetchall()})


def _in_compartment(node: InCompartment, type_name: str, context: Context) -> Sql:
    references = [f"Patient/{logical_id}" for logical_id in node.patients]
    own = rows_of(set(map(context.hasher, references)))
    if context.contained:
        others = sorted(compartment_hash(context.hasher, reference) for reference in references)
        return any_of((own, Sql("r.container_tokens && %s::bigint[]", (others,))))
    if len(patient_ranks(type_name)) == len(patient_parameters(type_name)):
        return own
    also = {compartment_hash(context.hasher, reference) for reference in references}
    return any_of((own, has_token(also)))
