"""What a search on each type can answer, for the CapabilityStatement: read from the registry itself."""

from hie.fhir.definitions import RESOURCE_TYPES
from hie.search.queryable import queryable


def implemented(type_name: str) -> list[tuple[str, str, str]]:
    """(code, type, address of the definition) of each parameter that can be asked for."""
    return [(code, p.kind, p.url) for code, p in queryable(type_name).items()]


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
