"""From the paths of a search expression to the places in a resource's JSON, each with its datatype.

Choice elements are split by datatype: in JSON `Observation.value` is `valueQuantity`,
`valueCodeableConcept` and so on. https://hl7.org/fhir/R4/formats.html#choice
"""

from dataclasses import dataclass, replace
from functools import cache

from hie.fhir.definitions import type_definition
from hie.fhir.search_params import expression as fhirpath

# A value that `Extension` may hold and some search parameter type can index.
EXTENSION_TYPES = (
    *("boolean", "code", "Coding", "CodeableConcept", "Identifier", "ContactPoint", "string"),
    *("Reference", "uri", "canonical", "date", "dateTime", "instant", "Period"),
    *("Quantity", "integer", "decimal", "Range"),
)


@dataclass(frozen=True, slots=True)
class Get:
    """The property `key`; `many`: it is an array, take each member."""

    key: str
    many: bool


@dataclass(frozen=True, slots=True)
class At:
    """The property `key`, an array: only the member at `position`."""

    key: str
    position: int


@dataclass(frozen=True, slots=True)
class Equals:
    """Only elements whose `key` is `value`."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class HasExtension:
    """Only elements that carry the extension."""

    url: str


@dataclass(frozen=True, slots=True)
class Resolves:
    """Only references that name the type."""

    type: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether `key` is there under any of its names and is not false."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """Start again at the resource: `%resource` inside a composite's component."""


Operation = Get | At | Equals | HasExtension | Resolves | Truth | Root


@dataclass(frozen=True, slots=True)
class Source:
    """One place to read: the operations that lead to it from the start, and what is found there."""

    operations: tuple[Operation, ...]
    type: str
    """FHIR datatype, or the path of an inline type, or `Resource`."""
    codes: str | None = None
    """Value set of a required closed binding."""
    many: bool = False
    """Whether one resource can have several."""


def json_name(name: str, type_name: str) -> str:
    """The JSON property of a choice element: `value`, `Quantity` → `valueQuantity`."""
    return name + type_name[0].upper() + type_name[1:]


@cache
def sources(start: str, text: str, resource_type: str = "") -> tuple[Source, ...]:
    """Every place that `text` reads, from an element of type `start` (a resource or inline type).

    For a component of a composite, whose paths are relative, `resource_type` is the whole
    resource's type. Paths of other resource types are left out. Raises UnsupportedExpression.
    """
    found: dict[Source, None] = {}
    for path in fhirpath.parse(text):
        for source in _path(path, start, resource_type):
            found[source] = None
    return tuple(found)


def _path(path: fhirpath.Path, start: str, resource_type: str) -> list[Source]:
    steps = list(path)
    first = steps[0]
    current = [Source((), start)]
    if isinstance(first, fhirpath.Child):
        if first.name == "%resource":
            current = [Source((Root(),), resource_type)]
            steps.pop(0)
        elif first.name in (start, "Resource", "DomainResource"):
            steps.pop(0)
        elif first.name[0].isupper():
            return []  # a path of another resource type
    for position, step in enumerate(steps):
        following = steps[position + 1] if position + 1 < len(steps) else None
        current = [each for source in current for each in _step(source, step, following)]
    return current


def _step(  # noqa: PLR0911 - one for each kind of step
    source: Source, step: fhirpath.Step, following: fhirpath.Step | None
) -> list[Source]:
    match step:
        case fhirpath.Child():
            if isinstance(following, fhirpath.Truth):
                return _truth(source, step.name)
            return _child(source, step.name)
        case fhirpath.OfType():
            return [source] if source.type == step.type else []
        case fhirpath.WhereEquals():
            return [_then(source, Equals(step.name, step.value))]
        case fhirpath.WhereResolves():
            return [_then(source, Resolves(step.type))] if source.type == "Reference" else []
        case fhirpath.Extension():
            return _extension(source, step.url)
        case fhirpath.WhereExtension():
            return [_then(source, HasExtension(step.url))]
        case fhirpath.Index():
            last = source.operations[-1]
            if not isinstance(last, Get):
                raise fhirpath.UnsupportedExpression(f"[{step.position}]")
            at = At(last.key, step.position)
            return [replace(source, operations=(*source.operations[:-1], at))]
        case fhirpath.Truth():
            return [source]


def _then(source: Source, operation: Operation) -> Source:
    return replace(source, operations=(*source.operations, operation))


def _child(source: Source, name: str) -> list[Source]:
    element = type_definition(source.type).elements.get(name)
    if element is None:
        raise fhirpath.UnsupportedExpression(f"{source.type} has no element {name}")
    return [
        Source(
            (
                *source.operations,
                Get(json_name(name, each) if element.choice else name, element.many),
            ),
            each,
            element.codes,
            source.many or element.many,
        )
        for each in element.types
    ]


def _truth(source: Source, name: str) -> list[Source]:
    element = type_definition(source.type).elements[name]
    keys = tuple(json_name(name, each) for each in element.types) if element.choice else (name,)
    return [Source((*source.operations, Truth(keys)), "boolean")]


def _extension(source: Source, url: str) -> list[Source]:
    operations = (*source.operations, Get("extension", True), Equals("url", url))
    return [
        Source((*operations, Get(json_name("value", each), False)), each, None, True)
        for each in EXTENSION_TYPES
    ]
