"""The references that a resource holds under reference parameters, by the compiled extraction."""

from collections.abc import Iterable
from typing import Any

from hie.fhir.search_params import Walk, compile_walk
from hie.search.definitions import while_known
from hie.search.parameters import parameters
from hie.search.params.reference import unversioned


@while_known
def _walk(type_name: str, codes: tuple[str, ...]) -> Walk:
    def reference(element: dict[str, Any], out: list[str]) -> None:
        literal = element.get("reference")
        if literal and literal[0] != "#":
            out.append(unversioned(literal))

    return compile_walk(
        (source, reference)
        for code in codes
        for source in parameters(type_name)[code].sources
        if source.type == "Reference"
    )


def references_of(resource: dict[str, Any], codes: Iterable[str]) -> list[str]:
    """Literal references under the parameters, in the resource's order, each once."""
    found: list[str] = []
    _walk(resource["resourceType"], tuple(codes))(resource, resource, found)
    return list(dict.fromkeys(found))
