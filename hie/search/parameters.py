"""The search parameters of a type as the index keeps them.

A parameter whose places are all read by other parameters of the type is not kept twice: a search for
`Observation.combo-code` asks for `code` or `component-code`, one for `patient` asks `subject` for a
Patient. `kept_as` names what is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from hie.fhir.definitions import SearchParameter, search_parameters, value_set
from hie.fhir.search_params import Source, sources
from hie.fhir.search_params.sources import Resolves
from hie.search.definitions import added as added_to
from hie.search.definitions import while_known
from hie.search.primary import patient_ranks, primary_date

OTHERWISE = frozenset({"phonetic"})
"""Parameters that keep something else of what they read than others of their kind."""


class Component(NamedTuple):
    """A part of a composite: the parameter that says what it is, and where it reads."""

    parameter: "Parameter"
    expression: str


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One search parameter of one type."""

    type_name: str
    code: str
    kind: str
    """token, reference, date, string, quantity, number, uri, composite or special."""
    number: int
    url: str
    targets: tuple[str, ...]
    sources: tuple[Source, ...]
    only_type: str | None
    """Set if the parameter takes only references to this type, as `patient` does."""
    primary: bool
    """Whether it is the primary date on the row."""
    components: tuple[Component, ...] = ()
    ready: bool = True
    """Whether every resource is indexed by it; one that was added may still lack older ones."""

    @property
    def index_name(self) -> str:
        """What its hashes begin with. General parameters have the same name for all types."""
        return self.code if self.code.startswith("_") else f"{self.type_name}.{self.code}"

    @property
    def implied_systems(self) -> frozenset[str]:
        """The code systems of a parameter that reads only `code` elements with closed value sets."""
        if not self.sources or any(s.type != "code" or s.codes is None for s in self.sources):
            return frozenset()
        return frozenset(
            system for source in self.sources for system in value_set(source.codes or "")
        )


def implied_codes(parameter: Parameter, system: str) -> frozenset[str]:
    """The codes of one of the parameter's implied systems."""
    return frozenset(
        code
        for source in parameter.sources
        for code in value_set(source.codes or "").get(system, ())
    )


@while_known
def parameters(type_name: str) -> dict[str, Parameter]:
    """All parameters of the type by code, those without expression left out."""
    added = {each.code: each for each in added_to(type_name)}
    if not added:
        return _standard(type_name)
    own = {
        code: replace(parameter_of(type_name, each.on(type_name)), ready=each.ready)
        for code, each in added.items()
    }
    return _standard(type_name) | own


@cache
def _standard(type_name: str) -> dict[str, Parameter]:
    """The parameters of R4 itself."""
    return {
        code: parameter_of(type_name, definition)
        for code, definition in search_parameters(type_name).items()
        if definition.expression
    }


def parameter_of(type_name: str, definition: SearchParameter) -> Parameter:
    """A definition with the places that it reads. Raises UnsupportedExpression, KeyError."""
    places = sources(type_name, definition.expression)
    return Parameter(
        type_name=type_name,
        code=definition.code,
        kind=definition.type,
        number=definition.number,
        url=definition.url,
        targets=definition.targets,
        sources=places,
        only_type=_only_type(places),
        primary=definition.code == primary_date(type_name),
        components=tuple(
            Component(_component(type_name, url), expression)
            for url, expression in definition.components
        ),
    )


def _component(type_name: str, url: str) -> Parameter:
    known = {each.url: each for each in search_parameters(type_name).values()}
    definition = known[url]
    return Parameter(
        type_name=type_name,
        code=definition.code,
        kind=definition.type,
        number=definition.number,
        url=definition.url,
        targets=definition.targets,
        sources=sources(type_name, definition.expression),
        only_type=None,
        primary=False,
    )


def _only_type(places: tuple[Source, ...]) -> str | None:
    last = {source.operations[-1] for source in places if source.operations}
    if len(last) == 1:
        operation = last.pop()
        if isinstance(operation, Resolves):
            return operation.type
    return None


def _places(parameter: Parameter) -> frozenset[tuple[object, ...]]:
    return frozenset(
        (
            tuple(op for op in source.operations if not isinstance(op, Resolves)),
            source.type,
        )
        for source in parameter.sources
    )


@while_known
def kept(type_name: str) -> dict[str, tuple[Parameter, ...]]:
    """For each parameter of the type, the parameters under which the index keeps its values."""
    standard = _kept_standard(type_name)
    own = [parts[0] for code, parts in standard.items() if parts[0].code == code]
    found = dict(standard)
    for each in added_to(type_name):
        parameter = parameters(type_name)[each.code]
        # one that was added stands for no other, so that each can be removed again
        found[parameter.code] = _parts(parameter, own) or (parameter,)
    return found


@cache
def _kept_standard(type_name: str) -> dict[str, tuple[Parameter, ...]]:
    found: dict[str, tuple[Parameter, ...]] = {}
    own: list[Parameter] = []
    # Few places first, and those without a restriction to one type first.
    order = sorted(
        _standard(type_name).values(),
        key=lambda p: (not p.primary, p.only_type is not None, len(p.sources), p.code),
    )
    for parameter in order:
        parts = _parts(parameter, own)
        found[parameter.code] = parts or (parameter,)
        if not parts:
            own.append(parameter)
    return found


def _parts(parameter: Parameter, own: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Those of the parameters kept that together read what this one reads; none if some is left."""
    wanted = _places(parameter)
    parts = tuple(
        each
        for each in own
        if parameter.code not in OTHERWISE
        and each.code not in OTHERWISE
        and each.kind == parameter.kind
        and each.only_type in (None, parameter.only_type)
        and _places(each) <= wanted
        and _same_parts(each, parameter)
    )
    covered = {place for each in parts for place in _places(each)}
    return parts if wanted and covered == wanted else ()


def _same_parts(one: Parameter, other: Parameter) -> bool:
    """Whether two composites have the same parts, so that one can stand for the other."""
    return [c.expression for c in one.components] == [c.expression for c in other.components]


@cache
def patient_parameters(type_name: str) -> frozenset[str]:
    """Codes of the parameters whose reference to a Patient is always the primary patient."""
    ranks = patient_ranks(type_name)
    if not ranks or type_name == "Patient":
        return frozenset()
    first = parameters(type_name)[min(ranks, key=ranks.__getitem__)]
    if any(source.many for source in first.sources) or len(_places(first)) != 1:
        return frozenset()
    return frozenset(
        code
        for code in ranks
        if code in parameters(type_name) and _places(parameters(type_name)[code]) == _places(first)
    )
