"""The texts by which resources are put in order of a token, a reference or an address.

https://hl7.org/fhir/R4/search.html#sort — of several values the first in the order asked for counts.
Codes and identifiers are ordered without regard to case, as they are compared; references by their
literal form.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from hie.fhir.search_params import Source, compile_walk
from hie.search.parameters import Parameter

Texts = Callable[[dict[str, Any]], list[str]]
"""From a resource to the texts of one parameter, empty if it has none."""


@cache
def sort_texts(parameter: Parameter) -> Texts:
    """The reader of the parameter's texts."""
    walk = compile_walk((source, _visit(source)) for source in parameter.sources)

    def read(resource: dict[str, Any]) -> list[str]:
        found: list[str] = []
        walk(resource, resource, found)
        return found

    return read


def _visit(source: Source) -> Callable[[Any, list[str]], None]:
    def plain(element: Any, out: list[str]) -> None:
        text = ("true" if element else "false") if isinstance(element, bool) else str(element)
        out.append(text)

    def coding(element: dict[str, Any], out: list[str]) -> None:
        text = element.get("code") or element.get("display")
        if text:
            out.append(text.casefold())

    def concept(element: dict[str, Any], out: list[str]) -> None:
        codings = element.get("coding", ())
        for each in codings:
            coding(each, out)
        if not codings and element.get("text"):
            out.append(element["text"].casefold())

    def value(element: dict[str, Any], out: list[str]) -> None:
        if element.get("value"):
            out.append(element["value"].casefold())

    def reference(element: dict[str, Any], out: list[str]) -> None:
        text = element.get("reference") or element.get("identifier", {}).get("value")
        if text:
            out.append(text)

    def resource(element: dict[str, Any], out: list[str]) -> None:
        if "id" in element:
            out.append(f"{element['resourceType']}/{element['id']}")

    return {
        "Coding": coding,
        "CodeableConcept": concept,
        "Identifier": value,
        "ContactPoint": value,
        "Reference": reference,
        "Resource": resource,
    }.get(source.type, plain)
