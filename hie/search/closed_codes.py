"""Token parameters all of whose values are known beforehand: `status`, `gender`, `active` and their like.

Elements of type code with a required binding hold a code of its value set and no other, and booleans
hold one of two; https://hl7.org/fhir/R4/terminologies.html#required. So an order of such a parameter
needs no body: it is the order of the codes, and each resource has at most one of them.
"""

from collections.abc import Sequence

from hie.fhir.definitions import value_set
from hie.search.context import Context
from hie.search.hashes import code_alone
from hie.search.parameters import Parameter
from hie.search.sql import Sql


def closed_codes(parameter: Parameter, parts: Sequence[Parameter]) -> tuple[str, ...]:
    """The codes in their order; none if others are possible, or several in one resource.

    `parts`: the parameters under which the index keeps its values.
    """
    if parameter.kind != "token" or len(parameter.sources) != 1 or len(parts) != 1:
        return ()
    [source] = parameter.sources
    if source.many or parts[0].sources != parameter.sources:
        return ()
    if source.type == "boolean":
        return ("false", "true")
    if source.type != "code" or source.codes is None:
        return ()
    return tuple(sorted({code for codes in value_set(source.codes).values() for code in codes}))


def rank(part: Parameter, codes: Sequence[str], context: Context) -> Sql:
    """Which of the codes a row has, as a number; NULL if none."""
    name = context.name(part)
    hashes = [name ^ context.hasher(code_alone(code)) for code in codes]
    cases = " ".join(f"WHEN r.tokens @> %s::bigint[] THEN {n}" for n in range(len(codes)))
    return Sql(f"(CASE {cases} END)", tuple([number] for number in hashes))
