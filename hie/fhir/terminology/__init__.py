"""Codes, their hierarchies and sets of them, as far as searches need them. Pure: no SQL, no calls.

https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/R4/valueset.html
"""

from hie.fhir.terminology.code_system import CodeSystem
from hie.fhir.terminology.expansion import CannotExpand, Codes, Terms, expand
from hie.fhir.terminology.shipped import shipped_code_system, shipped_value_set
from hie.fhir.terminology.value_set import Part, ValueSet

__all__ = [
    "CannotExpand",
    "CodeSystem",
    "Codes",
    "Part",
    "Terms",
    "ValueSet",
    "expand",
    "shipped_code_system",
    "shipped_value_set",
]
