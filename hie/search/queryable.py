"""Which parameters can be asked for. What is left out here is refused in a query, not half answered."""

from hie.search.definitions import while_known
from hie.search.parameters import Parameter, parameters
from hie.search.params.kinds import KINDS

NOT_QUERYABLE = {
    "phonetic": "the index holds no sounds beside pinyin, which `name` finds",
}
"""Parameters of R4 that are extracted or defined but cannot be asked for, with the reason."""


@while_known
def queryable(type_name: str) -> dict[str, Parameter]:
    """The parameters of the type that a search may name, by code."""
    return {
        code: parameter
        for code, parameter in parameters(type_name).items()
        if code not in NOT_QUERYABLE and parameter.kind in KINDS and parameter.ready
    }
