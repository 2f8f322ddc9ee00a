"""The definitions of FHIR R4 4.0.1 as facts: types, search parameters, compartments.

https://hl7.org/fhir/R4/ — distilled from the official package by `distil.py`.
"""

from hie.fhir.definitions.compartments import compartment, patient_compartment
from hie.fhir.definitions.parameters import SearchParameter, search_parameters
from hie.fhir.definitions.structures import (
    RESOURCE_TYPES,
    Element,
    Invariant,
    Primitive,
    Type,
    member,
    primitives,
    type_definition,
    type_name,
    type_number,
    value_set,
)

__all__ = [
    "RESOURCE_TYPES",
    "Element",
    "Invariant",
    "Primitive",
    "SearchParameter",
    "Type",
    "compartment",
    "member",
    "patient_compartment",
    "primitives",
    "search_parameters",
    "type_definition",
    "type_name",
    "type_number",
    "value_set",
]
