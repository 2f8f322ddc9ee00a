"""The rules of R4 that are written in FHIRPath. https://hl7.org/fhir/R4/conformance-rules.html#constraints

They cost milliseconds each and are evaluated only when somebody asks for validation; what is stored
has passed the compiled checks of this package. Rules without an evaluation here are listed.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hie.errors import Issue, Text
from hie.fhir.definitions import Invariant, member, primitives, type_definition
from hie.fhir.fhirpath import PathError, holds

LEFT_OUT = {
    "txt-1": "the compiled checks of narrative say it",
    "txt-2": "the compiled checks of narrative say it",
    "dom-3": "the compiled checks of contained resources say it",
    "dom-6": "narrative is for people; whether it is wanted is the sender's matter",
    "ctm-1": "needs the resource that a reference leads to",
    "que-7": "asks for a type in a way that the evaluation does not know",
}
"""Keys of rules that are not evaluated, each with the reason."""


class Rule(NamedTuple):
    """A rule at a place: for `value`, of type `type`, inside `resource` and `root`."""

    invariant: Invariant
    type: str
    value: Any
    place: str
    resource: dict[str, Any]
    root: dict[str, Any]


def rules(resource: dict[str, Any]) -> Iterator[Rule]:
    """Every rule for every element of a resource that has passed the structural checks."""
    name = resource["resourceType"]
    yield from _within(resource, name, name, resource, resource)


def _within(
    value: dict[str, Any],
    type_name: str,
    place: str,
    resource: dict[str, Any],
    root: dict[str, Any],
) -> Iterator[Rule]:
    definition = type_definition(type_name)
    own = list(definition.invariants)
    if definition.kind == "resource" and definition.base == "DomainResource":
        own += type_definition("DomainResource").invariants
    yield from (Rule(rule, type_name, value, place, resource, root) for rule in own)
    for key, content in value.items():
        found = None if key == "resourceType" or key[0] == "_" else member(type_name, key)
        if found is None:
            continue
        element, datatype = found
        many = isinstance(content, list)
        for number, item in enumerate(content if many else [content]):
            if item is None:
                continue
            where = f"{place}.{key}[{number}]" if many else f"{place}.{key}"
            for rule in element.invariants:
                yield Rule(rule, datatype, item, where, resource, root)
            if isinstance(item, dict) and datatype not in primitives():
                inner = item.get("resourceType")
                if inner is None:
                    yield from _within(item, datatype, where, resource, root)
                else:
                    yield from _within(
                        item, inner, where, item, root if key == "contained" else item
                    )


def broken(rule: Rule) -> Issue | None:
    """What is wrong if the rule does not hold; None if it does, or is one of those left out."""
    invariant = rule.invariant
    if invariant.key in LEFT_OUT:
        return None
    try:
        if holds(rule.value, rule.type, invariant.expression, rule.resource, rule.root):
            return None
    except PathError as error:
        text = Text(
            f"The rule {invariant.key} could not be evaluated: {error}",
            f"规则 {invariant.key} 无法求值：{error}",
        )
        return Issue("incomplete", text, rule.place, "information")
    text = Text(
        f"The rule {invariant.key} does not hold: {invariant.expression}",
        f"不符合规则 {invariant.key}：{invariant.expression}",
    )
    severity = "error" if invariant.severity == "error" else "warning"
    return Issue("invariant", text, rule.place, severity)  # type: ignore[arg-type]  # one of the two
