"""Which parameters can be asked for: those of R4, and those added for which every resource is indexed."""

from hie.search.definitions import while_known
from hie.search.parameters import Parameter, parameters
from hie.search.params.kinds import KINDS


@while_known
def queryable(type_name: str) -> dict[str, Parameter]:
    """The parameters of the type that a search may name, by code."""
    return {
        code: parameter
        for code, parameter in parameters(type_name).items()
        if parameter.kind in KINDS and parameter.ready
    }
