"""Search parameters of R4. https://hl7.org/fhir/R4/searchparameter-registry.html"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from hie.fhir.definitions.facts import facts
from hie.fhir.definitions.structures import type_definition

MAIDEN_NAME = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
CORRECTED = {
    "http://hl7.org/fhir/SearchParameter/patient-extensions-Patient-mothersMaidenName": (
        f"(Patient.extension.where(url='{MAIDEN_NAME}').value as string)"
    )
}
"""Published with the address of an extension that is not: https://hl7.org/fhir/R4/extension-patient-mothersmaidenname.html"""


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter as it applies to one resource type."""

    number: int
    """Stable: the position in the sorted list of all R4 search parameter addresses."""
    code: str
    """The name in a query, such as `birthdate`."""
    type: str
    """token, reference, date, string, quantity, number, uri, composite or special."""
    expression: str
    """FHIRPath, reduced to the branches for this type; empty if the text is the only definition."""
    targets: tuple[str, ...]
    """Resource types that a reference may point to."""
    url: str
    components: tuple[tuple[str, str], ...]
    """Of a composite: (address of the component parameter, expression from the composite)."""


@cache
def search_parameters(type_name: str) -> Mapping[str, SearchParameter]:
    """By code, those of the type with those of DomainResource and Resource; KeyError if unknown."""
    definition = type_definition(type_name)
    if definition.kind != "resource":
        raise KeyError(type_name)
    bases = {type_name, definition.base, "Resource"}
    found = {
        each["code"]: SearchParameter(
            number=each["number"],
            code=each["code"],
            type=each["type"],
            expression=CORRECTED.get(each["url"], expression),
            targets=tuple(each.get("target", ())),
            url=each["url"],
            components=tuple((url, path) for url, path in each.get("component", ())),
        )
        for each in facts()["searchParameters"]
        for base, expression in each["base"].items()
        if base in bases
    }
    return MappingProxyType(dict(sorted(found.items())))
