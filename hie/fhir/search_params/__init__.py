"""Search expressions of R4, compiled: where in a resource's JSON each search parameter reads.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from hie.fhir.search_params.expression import UnsupportedExpression
from hie.fhir.search_params.sources import Source, sources
from hie.fhir.search_params.walk import Visit, Walk, compile_walk, names_type

__all__ = [
    "Source",
    "UnsupportedExpression",
    "Visit",
    "Walk",
    "compile_walk",
    "names_type",
    "sources",
]
