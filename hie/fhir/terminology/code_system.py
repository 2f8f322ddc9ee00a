"""A code system: its codes and which code stands above which. https://hl7.org/fhir/R4/codesystem.html"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ABOVE = frozenset({"parent", "subsumedBy", "partOf"})
"""Concept properties that name a code above. http://hl7.org/fhir/R4/codesystem-concept-properties.html"""


@dataclass(frozen=True)
class CodeSystem:
    """The codes of a system, each with the codes directly above it."""

    url: str
    parents: Mapping[str, tuple[str, ...]]
    complete: bool = True
    """Whether it lists all codes of the system."""

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """The codes directly below each code."""
        found: dict[str, list[str]] = {}
        for code, above in self.parents.items():
            for parent in above:
                found.setdefault(parent, []).append(code)
        return found

    def below(self, code: str) -> frozenset[str]:
        """The code and all that it subsumes."""
        return _closure(code, self.children)

    def above(self, code: str) -> frozenset[str]:
        """The code and all that subsume it."""
        return _closure(code, self.parents)


def _closure(code: str, next_to: Mapping[str, Any]) -> frozenset[str]:
    found = {code}
    waiting = [code]
    while waiting:
        for each in next_to.get(waiting.pop(), ()):
            if each not in found:
                found.add(each)
                waiting.append(each)
    return frozenset(found)


def concepts(nested: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each code of a CodeSystem's `concept` with the codes directly above it, however deep."""
    below: dict[str, set[str]] = {}
    waiting: list[tuple[dict[str, Any], str | None]] = [(each, None) for each in nested]
    for each, parent in waiting:  # grows while it is walked
        waiting += [(child, each["code"]) for child in each.get("concept", ())]
        above = below.setdefault(each["code"], set())
        if parent is not None:
            above.add(parent)
        for known in each.get("property", ()):
            named = known.get("valueCode")
            if named and known["code"] in ABOVE:
                above.add(named)
            elif named and known["code"] == "child":
                below.setdefault(named, set()).add(each["code"])
    for code, above in below.items():
        yield code, tuple(sorted(above))


def read_code_system(resource: dict[str, Any]) -> CodeSystem:
    """The system that a valid CodeSystem resource defines."""
    return CodeSystem(
        resource["url"],
        dict(concepts(resource.get("concept", []))),
        resource.get("content") == "complete",
    )
