"""From the parameters of a request to the tree. https://hl7.org/fhir/R4/search.html

Anything that is unknown or malformed is refused with its name and what is allowed; with lenient
handling it is left out and reported (https://hl7.org/fhir/R4/search.html#errors).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hie.errors import Problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.search import filter as filter_
from hie.search.compartment import COMPARTMENTS, belonging, members
from hie.search.criterion import criterion
from hie.search.escape import split
from hie.search.parse_contained import on_contained
from hie.search.parse_include import parse_include
from hie.search.problems import malformed, named, refused
from hie.search.query import All, Branch, Ids, Include, Inside, Node, Query, Shown, Sort, Total
from hie.search.queryable import queryable
from hie.search.sorting import sortable

DEFAULT_COUNT = 50
LARGEST_COUNT = 1000
MOST_PARAMETERS = 100
TOTALS: tuple[Total, ...] = ("none", "estimate", "accurate")
# Handled by the REST layer: how the answer looks, not what is in it.
PRESENTATION = frozenset({"_format", "_pretty"})
INSIDE: tuple[Inside, ...] = ("false", "true", "both")
SHOWN: tuple[Shown, ...] = ("container", "contained")
NAMED_QUERY = "_query"
"""There are none. "Servers processing search requests SHALL refuse to process a search request if they
do not recognize the _query parameter value": lenient handling does not leave it out either.
https://hl7.org/fhir/R4/search.html#query"""
EVERY_TYPE = "*"
"""In the place of a type: the whole system, or everything in a compartment."""
_TYPES = frozenset(RESOURCE_TYPES)


class Compartment(NamedTuple):
    """The compartment in which a search was asked: `Patient`/`1`."""

    name: str
    id: str


class _Parser:
    def __init__(self, types: tuple[str, ...], contained: bool) -> None:
        self.types = types
        self.nodes: dict[str, list[Node]] = {name: [] for name in types}
        self.sort: dict[str, list[Sort]] = {name: [] for name in types}
        self.count = DEFAULT_COUNT
        self.total: Total = "none"
        self.includes: list[Include] = []
        self.controls: dict[str, Callable[[str, str], None]] = {
            "_sort": self.take_sort,
            "_count": self.take_count,
            "_total": self.take_total,
            "_include": self.take_include,
            "_revinclude": self.take_include,
        }
        self.contained: Inside = "false"
        self.contained_type: Shown = "container"
        if contained:
            self.controls["_contained"] = self.take_contained
            self.controls["_containedType"] = self.take_contained_type

    def take(self, name: str, value: str) -> None:
        if "\x00" in value:  # no text that PostgreSQL can hold
            raise malformed(name, value.replace("\x00", "␀"), "text without U+0000")
        plain, colon, modifier = name.partition(":")
        control = self.controls.get(plain)
        if control is not None:
            if colon and control != self.take_include:
                raise malformed(name, modifier, f"{plain}=…")
            control(name, value)
            return
        # "only parameters that are common to all of the types": any other is unknown to one of them
        found = [(type_name, _node(type_name, name, value)) for type_name in self.types]
        for type_name, node in found:
            # the branches of several types are one condition where they are the same
            self.nodes[type_name].append(
                Ids(self.types, node.ids) if isinstance(node, Ids) else node
            )

    def take_sort(self, name: str, value: str) -> None:
        # Whole or not at all: with lenient handling, what is refused is left out for every type.
        sort = {type_name: [*before] for type_name, before in self.sort.items()}
        for type_name in self.types:
            for key in split(value, ","):
                parameter = queryable(type_name).get(key.removeprefix("-"))
                if parameter is None or not sortable(parameter):
                    allowed = [c for c, p in queryable(type_name).items() if sortable(p)]
                    raise malformed(name, value, f"[-]({'|'.join(allowed)}),…")
                if any(known.parameter.code == parameter.code for known in sort[type_name]):
                    continue  # rows that are alike in it already
                sort[type_name].append(Sort(parameter, key.startswith("-")))
        self.sort = sort

    def take_count(self, name: str, value: str) -> None:
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise malformed(name, value, f"0…{LARGEST_COUNT}")
        self.count = min(int(value), LARGEST_COUNT)

    def take_total(self, name: str, value: str) -> None:
        for total in TOTALS:
            if value == total:
                self.total = total
                return
        raise malformed(name, value, "|".join(TOTALS))

    def take_contained(self, name: str, value: str) -> None:
        for inside in INSIDE:
            if value == inside:
                self.contained = inside
                return
        raise malformed(name, value, "|".join(INSIDE))

    def take_contained_type(self, name: str, value: str) -> None:
        for shown in SHOWN:
            if value == shown:
                self.contained_type = shown
                return
        raise malformed(name, value, "|".join(SHOWN))

    def take_include(self, name: str, value: str) -> None:
        only = self.types[0] if len(self.types) == 1 else None
        self.includes.append(parse_include(only, name, value))


def parse(
    type_name: str,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    compartment: Compartment | None = None,
    contained: bool = False,
) -> Query:
    """The tree of a search. `pairs` are decoded, in the order sent.

    `type_name` is a resource type, or `*` for all types of the system or of the compartment, which
    `_type` can narrow. A parameter without a value is left out, as if it had not been sent. With
    `contained` the search may be one on contained resources; elsewhere that is an unknown parameter.
    Problem 400 names the parameter and what is allowed.
    """
    everywhere = type_name == EVERY_TYPE
    types = _types(pairs, compartment) if everywhere else (type_name,)
    if not everywhere and type_name not in _TYPES:
        raise refused("_type", f"'{type_name}' is no resource type", f"没有资源类型“{type_name}”")
    if len(pairs) > MOST_PARAMETERS:
        raise refused(
            pairs[MOST_PARAMETERS][0],
            f"more than {MOST_PARAMETERS} parameters",
            f"参数超过 {MOST_PARAMETERS} 个",
            "too-costly",
        )
    parser = _Parser(types, contained)
    if compartment is not None:
        for each in types:
            parser.nodes[each].append(belonging(compartment.name, compartment.id, each))
    applied = []
    ignored = []
    for name, value in pairs:
        if name in PRESENTATION or not value:
            continue
        if name.partition(":")[0] == NAMED_QUERY:
            raise refused(
                NAMED_QUERY,
                f"there is no named query '{value[:80]}'",
                f"没有命名查询“{value[:80]}”",
            )
        if everywhere and name == "_type":
            applied.append((name, value))
            continue
        try:
            parser.take(name, value)
        except Problem as found:
            if not lenient:
                raise named(found, name) from found
            ignored.append(name)
        else:
            shown = str(parser.count) if name == "_count" else value
            applied.append((name, shown))
    query = Query(
        path=_path(type_name, compartment),
        branches=tuple(
            Branch(each, All(tuple(parser.nodes[each])), tuple(parser.sort[each])) for each in types
        ),
        count=parser.count,
        total=parser.total,
        includes=tuple(parser.includes),
        applied=tuple(applied),
        ignored=tuple(ignored),
        contained=parser.contained,
        contained_type=parser.contained_type,
    )
    return query if query.contained == "false" else on_contained(query)


def _node(type_name: str, name: str, value: str) -> Node:
    if name == filter_.NAME:
        return filter_.filtered(type_name, value)
    return criterion(type_name, name, value)


def _types(pairs: Sequence[tuple[str, str]], compartment: Compartment | None) -> tuple[str, ...]:
    """The types of a search on several: those that `_type` lists, or all that there are."""
    if compartment is not None and compartment.name not in COMPARTMENTS:
        raise refused(
            "_type",
            f"'{compartment.name}' is no compartment; there are {', '.join(COMPARTMENTS)}",
            f"没有区段“{compartment.name}”，可用：{'、'.join(COMPARTMENTS)}",
        )
    possible = RESOURCE_TYPES if compartment is None else members(compartment.name)
    wanted: set[str] | None = None
    for name, value in pairs:
        if name == "_type" and value:
            listed = set(value.split(","))
            for each in sorted(listed - set(possible)):
                raise malformed(name, each, "|".join(possible))
            wanted = listed if wanted is None else wanted & listed
    if wanted is not None and not wanted:
        raise refused(
            "_type",
            "nothing is of all the types of several _type; list them in one, with commas between",
            "没有资源同时属于多个 _type 所列的类型；请在一个 _type 中以逗号分隔",
        )
    return tuple(each for each in possible if wanted is None or each in wanted)


def _path(type_name: str, compartment: Compartment | None) -> str:
    if compartment is None:
        return "" if type_name == EVERY_TYPE else type_name
    return f"{compartment.name}/{compartment.id}/{type_name}"
