"""Compartments other than by the patient key. https://hl7.org/fhir/R4/compartmentdefinition.html

A resource belongs to a compartment by any of the parameters that the compartment's definition lists
for its type; `{def}` there stands for the resource that the compartment is named after.
"""

from hie.fhir.definitions import RESOURCE_TYPES, compartment
from hie.search.problems import refused
from hie.search.query import Any, Ids, InCompartment, Match, Node, ReferenceValue
from hie.search.queryable import queryable

COMPARTMENTS = ("Patient", "Encounter", "Practitioner", "RelatedPerson", "Device")
"""The compartments of R4, each called after the type that it is about."""
_ITSELF = "{def}"


def members(name: str) -> tuple[str, ...]:
    """The types that the compartment can hold."""
    own = ("Patient",) if name == "Patient" else ()
    return tuple(t for t in RESOURCE_TYPES if compartment(name, t) or t in own)


def belonging(name: str, logical_id: str, type_name: str) -> Node:
    """The node for resources of `type_name` in the compartment of `name`/`logical_id`.

    Problem 400 if the compartment cannot hold the type.
    """
    if type_name not in members(name):
        raise refused(
            type_name, f"the type is not in the {name} compartment", f"该类型不属于 {name} 区段"
        )
    if name == "Patient":
        return InCompartment((logical_id,))
    value = ReferenceValue(name, logical_id)
    nodes: list[Node] = []
    for code in compartment(name, type_name):
        if code == _ITSELF:
            nodes.append(Ids((type_name,), (logical_id,)))
        elif code in queryable(type_name):
            nodes.append(Match(queryable(type_name)[code], "", (value,)))
    return nodes[0] if len(nodes) == 1 else Any(tuple(nodes))
