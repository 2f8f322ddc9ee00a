"""A person stands for all linked records: golden id → the ids of its source Patients as well.

Links are resolved when a search runs, so that a new or a withdrawn link takes effect with the next
request and no clinical data is ever rewritten.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hie.search.params.reference import patients
from hie.search.query import (
    All,
    Any,
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


def patient_ids(query: Query) -> set[str]:
    """The ids of all Patients that the search names in references, compartments and chains."""
    found: set[str] = set()

    def note(ids: Sequence[str]) -> tuple[str, ...]:
        found.update(ids)
        return ()

    for branch in query.branches:
        _rewrite(branch.where, branch.type, note, chained=False)
    return found


def expand(query: Query, members: Mapping[str, Sequence[str]]) -> Query:
    """The search with the linked source Patients of each golden one beside it."""
    if not members:
        return query

    def sources(ids: Sequence[str]) -> tuple[str, ...]:
        return tuple(source for each in ids for source in members.get(each, ()))

    return replace(
        query,
        branches=tuple(
            replace(
                branch,
                where=All(
                    tuple(
                        _rewrite(node, branch.type, sources, chained=False)
                        for node in branch.where.nodes
                    )
                ),
            )
            for branch in query.branches
        ),
    )


def _rewrite(  # noqa: PLR0911 - one for each node
    node: Node, type_name: str, more: Callable[[Sequence[str]], tuple[str, ...]], *, chained: bool
) -> Node:
    """`node` with what `more` adds to the ids of Patients in it."""
    match node:
        case Match():
            added = more(patients(node.parameter, node.values))
            values = tuple(ReferenceValue("Patient", each) for each in added)
            return replace(node, values=(*node.values, *values)) if values else node
        case InCompartment():
            return InCompartment((*node.patients, *more(node.patients)))
        case Ids():
            # `patient._id=…` means the person; `Patient?_id=…` that one record
            if not chained or type_name != "Patient":
                return node
            return replace(node, ids=(*node.ids, *more(node.ids)))
        case Chain():
            return replace(node, node=_rewrite(node.node, node.type, more, chained=True))
        case Has():
            source = node.parameter.type_name
            return replace(node, node=_rewrite(node.node, source, more, chained=False))
        case Not():
            return Not(_rewrite(node.node, type_name, more, chained=chained))
        case All():
            return All(tuple(_rewrite(n, type_name, more, chained=chained) for n in node.nodes))
        case Any():
            return Any(tuple(_rewrite(n, type_name, more, chained=chained) for n in node.nodes))
        case Missing() | InList() | FullText():
            return node
