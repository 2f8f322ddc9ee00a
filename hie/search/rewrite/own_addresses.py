"""Absolute addresses of this server are its own resources: they stand in the index as `Type/id`.

"If the URL is … the same server": https://hl7.org/fhir/R4/search.html#reference
"""

from dataclasses import replace

from hie.search.query import (
    All,
    Any,
    Chain,
    CompositeValue,
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
    Value,
)


def own_addresses(query: Query, fhir_base: str) -> Query:
    """The search with references by an address below `fhir_base` as those that are stored."""
    base = f"{fhir_base}/"
    if not any(base in value for _, value in query.applied):
        return query
    return replace(
        query,
        branches=tuple(
            replace(branch, where=All(tuple(_local(node, base) for node in branch.where.nodes)))
            for branch in query.branches
        ),
    )


def _local(node: Node, base: str) -> Node:
    match node:
        case Match():
            return replace(node, values=tuple(_stored(value, base) for value in node.values))
        case Chain() | Has():
            return replace(node, node=_local(node.node, base))
        case Not():
            return Not(_local(node.node, base))
        case All() | Any():
            return replace(node, nodes=tuple(_local(each, base) for each in node.nodes))
        case Missing() | Ids() | InCompartment() | InList() | FullText():
            return node


def _stored(value: Value, base: str) -> Value:
    match value:
        case ReferenceValue(url=str(url)) if url.startswith(base):
            type_name, slash, logical_id = url.removeprefix(base).partition("/")
            if slash and logical_id and "/" not in logical_id:
                return ReferenceValue(type_name, logical_id)
        case CompositeValue(parts):
            return CompositeValue(tuple(_stored(part, base) for part in parts))
    return value
