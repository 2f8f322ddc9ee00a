"""Compartments: which parameters tie a resource to one person or encounter.

https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from hie.fhir.definitions.facts import facts


def compartment(name: str, type_name: str) -> tuple[str, ...]:
    """Search parameter codes that put a resource of `type_name` into the compartment `name`.

    `name` is Patient, Encounter, Practitioner, RelatedPerson or Device (KeyError otherwise); the
    answer is empty if the type is not in that compartment. `{def}` stands for the resource itself.
    """
    return tuple(facts()["compartments"][name].get(type_name, ()))


def patient_compartment(type_name: str) -> tuple[str, ...]:
    """`compartment("Patient", …)`, the one that a resident's record is made of."""
    return compartment("Patient", type_name)
