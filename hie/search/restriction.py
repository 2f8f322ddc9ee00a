"""What a caller may see, as a node of every query. https://hl7.org/fhir/R4/security.html

A `Restriction` is a union of rules. Nothing runs against the resource tables without one, and it is
part of the SQL before LIMIT, counts and includes alike. Only `hie.access` builds restrictions.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that satisfy every field given; `None` in a field means that the field allows anything."""

    types: frozenset[str] | None = None
    """Resource types, by name."""
    patients: tuple[int, ...] | None = None
    """Patient keys (`store.resource.patient_key`): the compartments that may be seen."""
    institution: int | None = None
    """The owning institution's number."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """The union of its rules: a row may be seen if one rule allows it. No rules: nothing may."""

    rules: tuple[Rule, ...]

    def for_type(self, type_name: str) -> tuple[Rule, ...]:
        """The rules that can allow rows of `type_name`."""
        return tuple(r for r in self.rules if r.types is None or type_name in r.types)


EVERYTHING = Restriction((Rule(),))
NOTHING = Restriction(())
