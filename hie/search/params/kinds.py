"""The parameter types by name: what reads, parses, asks and sorts."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.parameters import Parameter
from hie.search.params import (
    composite,
    date,
    number,
    position,
    quantity,
    reference,
    string,
    token,
    uri,
)
from hie.search.params.target import Target
from hie.search.query import Value
from hie.search.sql import Sql


class Kind(NamedTuple):
    """One parameter type."""

    modifiers: frozenset[str]
    """Beside `:missing`, which all have."""
    visit: Callable[[Source, Sequence[Target], Hasher], Visit | None]
    parse: Callable[[Parameter, str, str], Value]
    where: Callable[..., Awaitable[Sql]]
    order: Callable[[Parameter, Sequence[Parameter], bool], Sql] | None = None


def _kind(module: Any) -> Kind:
    return Kind(
        module.MODIFIERS, module.visit, module.parse, module.where, getattr(module, "order", None)
    )


KINDS: dict[str, Kind] = {
    "token": _kind(token),
    "reference": _kind(reference),
    "date": _kind(date),
    "string": _kind(string),
    "number": _kind(number),
    "quantity": _kind(quantity),
    "uri": _kind(uri),
    "composite": _kind(composite),
    "special": _kind(position),
}
