"""What a search on each type can answer, for the CapabilityStatement: read from the registry itself."""

from hie.fhir.definitions import RESOURCE_TYPES, search_parameters
from hie.search import filter as filter_
from hie.search import full_text, listed
from hie.search.queryable import queryable

GENERAL = (filter_.NAME, *sorted(full_text.NAMES))
"""Parameters of all types that R4 defines in prose."""


def implemented(type_name: str) -> list[tuple[str, str, str]]:
    """(code, type, address of the definition) of each parameter that can be asked for."""
    general = search_parameters(type_name)
    return [
        *((code, p.kind, p.url) for code, p in queryable(type_name).items()),
        *((code, general[code].type, general[code].url) for code in GENERAL if code in general),
        (listed.NAME, "special", ""),
    ]


def includes(type_name: str) -> list[str]:
    """The values of `_include` for searches on the type."""
    return [
        "*",
        *(
            f"{type_name}:{code}"
            for code, p in queryable(type_name).items()
            if p.kind == "reference"
        ),
    ]


def reverse_includes(type_name: str) -> list[str]:
    """The values of `_revinclude` for searches on the type."""
    return [
        "*",
        *(
            f"{source}:{code}"
            for source in RESOURCE_TYPES
            for code, parameter in queryable(source).items()
            if parameter.kind == "reference" and type_name in parameter.targets
        ),
    ]
