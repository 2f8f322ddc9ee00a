"""From the parameters of a request to the tree. https://hl7.org/fhir/R4/search.html

Anything that is unknown or malformed is refused with its name and what is allowed; with lenient
handling it is left out and reported (https://hl7.org/fhir/R4/search.html#errors).
"""

from collections.abc import Callable, Sequence

from hie.errors import Problem
from hie.fhir.definitions import RESOURCE_TYPES, patient_compartment
from hie.search.criterion import criterion
from hie.search.escape import split
from hie.search.parse_include import parse_include
from hie.search.problems import malformed, refused
from hie.search.query import All, Include, InCompartment, Node, Query, Sort, Total
from hie.search.queryable import queryable
from hie.search.sorting import sortable

DEFAULT_COUNT = 50
LARGEST_COUNT = 1000
MOST_PARAMETERS = 100
TOTALS: tuple[Total, ...] = ("none", "estimate", "accurate")
# Handled by the REST layer: how the answer looks, not what is in it.
PRESENTATION = frozenset({"_format", "_pretty"})


class _Parser:
    def __init__(self, type_name: str) -> None:
        self.type_name = type_name
        self.nodes: list[Node] = []
        self.sort: list[Sort] = []
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

    def take(self, name: str, value: str) -> None:
        if "\x00" in value:  # no text that PostgreSQL can hold
            raise malformed(name, value.replace("\x00", "␀"), "text without U+0000")
        control = self.controls.get(name.partition(":")[0])
        if control is not None:
            control(name, value)
        else:
            self.nodes.append(criterion(self.type_name, name, value))

    def take_sort(self, name: str, value: str) -> None:
        for key in split(value, ","):
            code = key.removeprefix("-")
            parameter = queryable(self.type_name).get(code)
            if parameter is None or not sortable(parameter):
                allowed = [c for c, p in queryable(self.type_name).items() if sortable(p)]
                raise malformed(name, value, f"[-]({'|'.join(allowed)}),…")
            self.sort.append(Sort(parameter, key.startswith("-")))

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

    def take_include(self, name: str, value: str) -> None:
        self.includes.append(parse_include(self.type_name, name, value))


def parse(
    type_name: str,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    compartment: str | None = None,
) -> Query:
    """The tree of a search on `type_name`. `pairs` are decoded, in the order sent.

    `compartment`: the id of a Patient, for `Patient/<id>/<type>`. A parameter without a value is
    left out, as if it had not been sent. Problem 400 names the parameter and what is allowed.
    """
    if type_name not in RESOURCE_TYPES:
        raise refused("_type", f"'{type_name}' is no resource type", f"没有资源类型“{type_name}”")
    parser = _Parser(type_name)
    if compartment is not None:
        if type_name != "Patient" and not patient_compartment(type_name):
            raise refused(
                type_name,
                "the type is not in the Patient compartment",
                "该类型不属于 Patient 区段",
            )
        parser.nodes.append(InCompartment((compartment,)))
    applied = []
    ignored = []
    if len(pairs) > MOST_PARAMETERS:
        raise refused(
            pairs[MOST_PARAMETERS][0],
            f"more than {MOST_PARAMETERS} parameters",
            f"参数超过 {MOST_PARAMETERS} 个",
            "too-costly",
        )
    for name, value in pairs:
        if name in PRESENTATION or not value:
            continue
        try:
            parser.take(name, value)
        except Problem:
            if not lenient:
                raise
            ignored.append(name)
        else:
            shown = str(parser.count) if name == "_count" else value
            applied.append((name, shown))
    return Query(
        type=type_name,
        where=All(tuple(parser.nodes)),
        sort=tuple(parser.sort),
        count=parser.count,
        total=parser.total,
        includes=tuple(parser.includes),
        applied=tuple(applied),
        ignored=tuple(ignored),
    )
