"""FHIRPath over resources of R4. https://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html

Evaluated by fhirpathpy, off the hot path: it finds the places of a patch. Search values are
extracted by `hie.fhir.search_params`, which compiles the expressions of R4 once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from fhirpathpy.engine.nodes import ResourceNode

from hie.fhir.fhirpath.evaluation import run, values
from hie.fhir.fhirpath.functions import variables_of
from hie.fhir.fhirpath.names import check
from hie.fhir.fhirpath.syntax import SIGNS, STRING, Parsed, PathError, calls, outside_strings, parse

__all__ = ["DEEPEST", "LONGEST", "Node", "PathError", "elements", "evaluate", "holds"]

_NODE: Any = ResourceNode
LONGEST = 500
DEEPEST = 10
# What a caller's own expression may call: it looks at the resource, once over, and at nothing else.
# Left out are regular expressions, recursion and whatever can multiply the work.
PATH_FUNCTIONS = frozenset(
    (
        *("where", "first", "last", "single", "tail", "skip", "take", "exists", "empty", "not"),
        *("ofType", "as", "is", "extension", "startsWith", "endsWith", "contains", "count"),
    )
)
# The specification's own definition of the short form, which keeps the place of what it finds.
_EXTENSION = re.compile(r"\bextension\(\s*('(?:[^'\\]|\\.)*')\s*\)")

# Elements whose names are also operators, such as `Patient.text.div`, must be delimited.
_OPERATOR = re.compile(r"\.(div|mod|contains|in|is|as|and|or|xor|implies)\b(?!\s*\()")


class Node(NamedTuple):
    """An element that an expression found, and where: `Patient.name[0].given[1]`."""

    value: Any
    place: str


def evaluate(
    resource: Mapping[str, Any],
    expression: str,
    variables: Mapping[str, Any] | None = None,
    *,
    checked: bool = False,
) -> list[Any]:
    """The values of a trusted expression, such as one of a specification. PathError if it fails.

    With `checked` it fails also if it names elements that the types of R4 do not have.
    """
    given = {**variables_of(expression), **(variables or {})}
    parsed = parse(expression)
    if checked:
        check(parsed.tree, str(resource["resourceType"]), strict=True)
    return values(run(parsed, resource, given))


@lru_cache(maxsize=1000)
def _compiled(expression: str) -> Parsed:
    return parse(expression)


def holds(
    value: Any,
    type_name: str,
    expression: str,
    resource: Mapping[str, Any],
    root: Mapping[str, Any],
) -> bool:
    """Whether a rule of the specification holds for an element. PathError if that cannot be said.

    `resource` holds the element, `root` is the one around it if that is contained.
    """
    given = {
        **variables_of(expression),
        "context": value,
        "resource": resource,
        "rootResource": root,
    }
    return values(run(_compiled(expression), _NODE(value, type_name), given)) in ([], [True])


def elements(resource: Mapping[str, Any], expression: str) -> list[Node]:
    """The elements of the resource that a caller's own path leads to.

    PathError for a path that cannot be read, does more than look, or gives values that are not in
    the resource.
    """
    bare = STRING.sub("''", expression)
    if len(expression) > LONGEST or bare.count("(") > DEEPEST:
        raise PathError(f"longer than {LONGEST} characters, or more than {DEEPEST} calls")
    path = outside_strings(_OPERATOR, r".`\1`", expression)
    parsed = parse(_EXTENSION.sub(r"extension.where(url=\1)", path))
    foreign = set(calls(parsed.tree)) - PATH_FUNCTIONS - set(SIGNS.values())
    if foreign or "%" in bare or "$total" in bare:
        named = ", ".join(sorted(foreign)) or "%, $total"
        raise PathError(f"not allowed in a path: {named}")
    root = str(resource.get("resourceType"))
    check(parsed.tree, root, strict=False)
    found = run(parsed, resource, {})
    nodes: list[Node] = []
    for node in found:
        if not isinstance(node, ResourceNode):
            raise PathError("the path gives values and not elements of the resource")
        place = node.propName or ""
        if node.data is resource:
            place = root
        if place.partition(".")[0] != root:
            raise PathError("the path leads out of the resource")
        nodes.append(Node(node.data, place))
    return nodes
