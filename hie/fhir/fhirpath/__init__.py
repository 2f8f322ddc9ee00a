"""FHIRPath over resources of R4. https://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html

Evaluated by fhirpathpy, off the hot path: it finds the places of a patch. Search values are
extracted by `hie.fhir.search_params`, which compiles the expressions of R4 once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import fhirpathpy
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

from hie.fhir.fhirpath.comparison import COMPARISONS
from hie.fhir.fhirpath.functions import FUNCTIONS, variables_of

R4 = models["r4"]
_NODE: Any = ResourceNode
OPTIONS = {
    "userInvocationTable": {**FUNCTIONS, **COMPARISONS},
    "traceFn": lambda _value, _name: None,
}
RAW = {**OPTIONS, "returnRawData": True}
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
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Taken by the library's grammar, and not by FHIRPath's.
_ZONED_TIME = re.compile(r"@T\d\d(?::\d\d){0,2}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
# The specification's own definition of the short form, which keeps the place of what it finds.
_EXTENSION = re.compile(r"\bextension\(\s*('(?:[^'\\]|\\.)*')\s*\)")

# Elements whose names are also operators, such as `Patient.text.div`, must be delimited.
_OPERATOR = re.compile(r"\.(div|mod|contains|in|is|as|and|or|xor|implies)\b(?!\s*\()")


class PathError(ValueError):
    """An expression that cannot be evaluated, or that is not allowed here."""


class Node(NamedTuple):
    """An element that an expression found, and where: `Patient.name[0].given[1]`."""

    value: Any
    place: str


def evaluate(
    resource: Mapping[str, Any], expression: str, variables: Mapping[str, Any] | None = None
) -> list[Any]:
    """The values of a trusted expression, such as one of a specification. PathError if it fails."""
    bare = _COMMENT.sub(" ", _STRING.sub("''", expression))
    if "/*" in bare or _ZONED_TIME.search(bare):
        raise PathError("an unfinished comment, or a time with a zone")
    try:
        given = {**variables_of(expression), **(variables or {})}
        return fhirpathpy.evaluate(resource, expression, given, R4, OPTIONS)
    except Exception as error:  # the library raises whatever it met
        raise PathError(str(error)) from error


@lru_cache(maxsize=1000)
def _compiled(expression: str) -> Any:
    return fhirpathpy.compile(expression, R4, OPTIONS)


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
    try:
        found = _compiled(expression)(_NODE(value, type_name), given)
    except Exception as error:  # the library raises whatever it met
        raise PathError(str(error)) from error
    return found in ([], [True])


def _quoted(expression: str) -> str:
    """The expression with element names that are also operators delimited, outside of strings."""
    pieces: list[str] = []
    position = 0
    for text in _STRING.finditer(expression):
        pieces += (_OPERATOR.sub(r".`\1`", expression[position : text.start()]), text[0])
        position = text.end()
    return "".join(pieces) + _OPERATOR.sub(r".`\1`", expression[position:])


def elements(resource: Mapping[str, Any], expression: str) -> list[Node]:
    """The elements of the resource that a caller's own path leads to.

    PathError for a path that cannot be read, does more than look, or gives values that are not in
    the resource.
    """
    bare = _STRING.sub("''", expression)
    foreign = set(_CALL.findall(bare)) - PATH_FUNCTIONS
    if foreign or "%" in bare or "$total" in bare:
        named = ", ".join(sorted(foreign)) or "%, $total"
        raise PathError(f"not allowed in a path: {named}")
    if len(expression) > LONGEST or bare.count("(") > DEEPEST:
        raise PathError(f"longer than {LONGEST} characters, or more than {DEEPEST} calls")
    path = _EXTENSION.sub(r"extension.where(url=\1)", _quoted(expression))
    try:
        found = fhirpathpy.evaluate(resource, path, {}, R4, RAW)
    except Exception as error:  # the library raises whatever it met
        raise PathError(str(error)) from error
    root = str(resource.get("resourceType"))
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
