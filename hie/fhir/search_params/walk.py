"""Compiles sources into one Python function that visits each place of a resource once.

Sources that begin with the same operations share them: `Observation.code` is looked up once for all
parameters that read it or something below it. The function is generated as Python text, which runs
several times faster than interpreting the operations.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hie.fhir.search_params.sources import (
    At,
    Equals,
    Get,
    HasExtension,
    Operation,
    Resolves,
    Root,
    Source,
    Truth,
)

Visit = Callable[[Any, Any], None]
"""Called with a value found and the collector that was given to the walk."""
Walk = Callable[[Any, Any, Any], None]
"""(start element, whole resource, collector)"""


def names_type(reference: dict[str, Any], type_name: str) -> bool:
    """Whether a Reference says that it points to a resource of this type.

    https://hl7.org/fhir/R4/references.html#Reference: by its literal form, else by its `type`.
    """
    literal = reference.get("reference")
    if literal:
        parts: list[str] = literal.partition("/_history/")[0].rsplit("/", 2)
        if len(parts) > 1:
            return parts[-2] == type_name
    return reference.get("type") == type_name


def _is_true(element: dict[str, Any], keys: tuple[str, ...]) -> bool:
    return any(element.get(key, False) is not False for key in keys)


def _has_extension(element: dict[str, Any], url: str) -> bool:
    return any(each.get("url") == url for each in element.get("extension", ()))


@dataclass(slots=True)
class _Node:
    below: dict[Operation, "_Node"] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)


def compile_walk(routes: Iterable[tuple[Source, Visit]]) -> Walk:
    """One function for all routes; each visit is called for every value at its source."""
    top = _Node()
    scope: dict[str, Any] = {
        "names_type": names_type,
        "is_true": _is_true,
        "has_extension": _has_extension,
    }
    for number, (source, visit) in enumerate(routes):
        node = top
        for operation in source.operations:
            node = node.below.setdefault(operation, _Node())
        scope[f"visit{number}"] = visit
        node.visits.append(f"visit{number}")
    lines = ["def walk(start, root, out):"]
    _Writer(lines).body(top, "start", 1)
    lines.append("    return None")
    exec("\n".join(lines), scope)  # noqa: S102 - text made above from the definitions only
    walk: Walk = scope["walk"]
    return walk


class _Writer:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.variables = 0

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def variable(self) -> str:
        self.variables += 1
        return f"v{self.variables}"

    def body(self, node: _Node, variable: str, depth: int) -> None:
        for visit in node.visits:
            self.line(depth, f"{visit}({variable}, out)")
        for operation, below in node.below.items():
            self.operation(operation, below, variable, depth)

    def operation(self, operation: Operation, below: _Node, variable: str, depth: int) -> None:
        match operation:
            case Get(key, many):
                value = self.variable()
                self.line(depth, f"{value} = {variable}.get({key!r})")
                if many:
                    self.line(depth, f"if {value} is not None:")
                    member = self.variable()
                    self.line(depth + 1, f"for {member} in {value}:")
                    # arrays of primitives have null where only an extension is given
                    self.line(depth + 2, f"if {member} is not None:")
                    self.body(below, member, depth + 3)
                else:
                    self.line(depth, f"if {value} is not None:")
                    self.body(below, value, depth + 1)
            case At(key, position):
                value = self.variable()
                self.line(
                    depth, f"{value} = {variable}.get({key!r}, ())[{position}:{position + 1}]"
                )
                self.line(depth, f"for {value} in {value}:")
                self.body(below, value, depth + 1)
            case Equals(key, wanted):
                self.line(depth, f"if {variable}.get({key!r}) == {wanted!r}:")
                self.body(below, variable, depth + 1)
            case HasExtension(url):
                self.line(depth, f"if has_extension({variable}, {url!r}):")
                self.body(below, variable, depth + 1)
            case Resolves(type_name):
                self.line(depth, f"if names_type({variable}, {type_name!r}):")
                self.body(below, variable, depth + 1)
            case Truth(keys):
                value = self.variable()
                self.line(depth, f"{value} = is_true({variable}, {keys!r})")
                self.body(below, value, depth)
            case Root():
                self.body(below, "root", depth)
