"""`_contained` and `_containedType`: what they can be asked together with.

https://hl7.org/fhir/R4/search.html#contained
"""

from dataclasses import replace

from hie.errors import Problem
from hie.search.closed_codes import closed_codes
from hie.search.definitions import FIRST_NUMBER
from hie.search.parameters import Parameter, kept
from hie.search.problems import refused
from hie.search.query import (
    All,
    Any,
    Chain,
    FullText,
    Has,
    InList,
    Match,
    Missing,
    Node,
    Not,
    Query,
    Sort,
)

OWN_ORDER = frozenset({"_id", "_lastUpdated"})
"""What containers can be sorted by: they are of other types than the one that is searched."""
FROM_BODY = frozenset({"token", "reference", "uri"})


def on_contained(query: Query) -> Query:
    """The search on contained resources, as it is carried out. Problem 400 for what it cannot answer."""
    for branch in query.branches:
        for node in branch.where.nodes:
            _check(node)
        for sort in branch.sort:
            _check_sort(sort, query)
    if query.contained_type == "container":
        # what a container refers to is asked of its own type
        starred = tuple(
            replace(each, source=None) if _is_star(query, each.source, each.code) else each
            for each in query.includes
        )
        return replace(query, includes=starred)
    for each in query.includes:
        raise refused(
            "_revinclude" if each.reverse else "_include",
            "nothing comes along with contained resources; ask for their containers "
            "(_containedType=container)",
            "返回被包含的资源时不支持附带其他资源，请改为返回容器资源（_containedType=container）",
        )
    return query


def _is_star(query: Query, source: str | None, code: str | None) -> bool:
    return code is None and source == query.type


def answerable(node: Node) -> bool:
    """Whether the node can be asked of contained resources."""
    try:
        _check(node)
    except Problem:
        return False
    return True


def _check(node: Node) -> None:
    match node:
        case Not():
            _check(node.node)
        case All() | Any():
            for each in node.nodes:
                _check(each)
        case Match() | Missing() | Chain():
            _check_parameter(node.parameter)
        case FullText():
            raise _without(node.name)
        case InList():
            raise _without("_list")
        case Has():
            raise _without("_has")


def _check_parameter(parameter: Parameter) -> None:
    if parameter.number >= FIRST_NUMBER:
        raise refused(
            parameter.code,
            "contained resources can only be searched by the parameters of R4 itself",
            "仅支持按 R4 自带的参数检索被包含的资源",
        )


def _check_sort(sort: Sort, query: Query) -> None:
    if query.contained_type == "container":
        if sort.parameter.code not in OWN_ORDER:
            raise refused(
                "_sort",
                f"containers can be sorted by {' and '.join(sorted(OWN_ORDER))}; ask for the contained "
                "resources themselves (_containedType=contained)",
                f"容器资源仅支持按 {'、'.join(sorted(OWN_ORDER))} 排序，"
                "或改为返回被包含的资源（_containedType=contained）",
            )
    elif _reads_bodies(sort.parameter, query):
        raise refused(
            "_sort",
            f"contained resources cannot be sorted by a {sort.parameter.kind}",
            f"被包含的资源不支持按 {sort.parameter.kind} 类型的参数排序",
        )
    else:
        _check_parameter(sort.parameter)


def _reads_bodies(parameter: Parameter, query: Query) -> bool:
    """Whether the values that make the order are not in the index: then containers would be read."""
    if parameter.kind not in FROM_BODY or parameter.code == "_id":
        return False
    parts = kept(parameter.type_name)[parameter.code]
    return query.type is None or not closed_codes(parameter, parts)


def _without(name: str) -> Exception:
    return refused(
        name,
        "cannot be asked of contained resources; leave _contained out",
        "不支持用于被包含的资源，请去掉 _contained",
    )
