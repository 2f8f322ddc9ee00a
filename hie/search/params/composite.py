"""Composite parameters. https://hl7.org/fhir/R4/search.html#composite

Where the composite stands on the resource itself and each part occurs at most once
(`code-value-quantity` of an Observation), it means the same as its parts asked for together, and
nothing is kept for it. Where it stands on a repeated element (`component-code-value-quantity`), each
element is a row of `search.composite`: the tokens of its parts, and its number with its unit.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from itertools import product
from typing import Any

from hie.fhir.search_params import Source, Visit, compile_walk, sources
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import split
from hie.search.indexed import CompositeRow, Indexed
from hie.search.parameters import Component, Parameter, kept
from hie.search.params import date, number, quantity, reference, string, token
from hie.search.params.target import Target
from hie.search.problems import malformed
from hie.search.query import (
    CompositeValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    TokenValue,
    Value,
)
from hie.search.sql import FALSE, Sql, all_of, any_of

MODIFIERS: frozenset[str] = frozenset()

_PARSERS: dict[str, Callable[[Parameter, str, str], Value]] = {
    "token": token.parse,
    "reference": reference.parse,
    "date": date.parse,
    "string": string.parse,
    "number": number.parse,
    "quantity": quantity.parse,
}
_WHERES: dict[str, Callable[..., Awaitable[Sql]]] = {
    "token": token.where,
    "reference": reference.where,
    "date": date.where,
    "string": string.where,
    "number": number.where,
    "quantity": quantity.where,
}
_VISITS = {"token": token.visit, "reference": reference.visit}


def by_parts(source: Source) -> bool:
    """Whether at this source the composite is the same as its parts together."""
    return not source.operations


@cache
def position(parameter: Parameter, place: int) -> Parameter:
    """A name of its own for each part, so that the first cannot be taken for the second."""
    part = parameter.components[place].parameter
    return Parameter(
        type_name=parameter.type_name,
        code=f"{parameter.code}${place}",
        kind=part.kind,
        number=part.number,
        url=part.url,
        targets=part.targets,
        sources=part.sources,
        only_type=None,
        primary=False,
    )


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source; None where the parts are indexed anyway."""
    visits = [_element_visit(source, target, hasher) for target in targets if not by_parts(source)]
    if not visits:
        return None

    def composite(element: Any, out: Indexed) -> None:
        for each in visits:
            each(element, out)

    return composite


def _element_visit(source: Source, target: Target, hasher: Hasher) -> Visit:
    parameter = target.parameter
    walks = []
    for place, component in enumerate(parameter.components):
        part = Target(position(parameter, place), 1)
        routes = []
        for each in sources(source.type, component.expression, parameter.type_name):
            found = _part_visit(component, each, part, hasher)
            if found is not None:
                routes.append((each, found))
        walks.append(compile_walk(routes))

    def element_rows(element: Any, out: Indexed) -> None:
        parts = []
        for walk in walks:
            collected = Indexed()
            walk(element, out.root, collected)
            if not (collected.tokens or collected.quantities or collected.numbers):
                return
            out.words += [word for word in collected.words if word.parameter == quantity.UNITS]
            parts.append(collected)
        out.present |= target.bit
        tokens = tuple(sorted({each for part in parts for each in part.tokens}))
        numeric = [
            [(row.unit, row.low, row.high) for row in part.quantities]
            + [(None, row.low, row.high) for row in part.numbers]
            for part in parts
            if part.quantities or part.numbers
        ]
        for values in product(*numeric):
            unit, low, high = values[0] if values else (None, None, None)
            last = values[-1] if len(values) > 1 else None
            # start and end of a sequence's window: one range
            high = last[2] if last else high
            out.composites.append(CompositeRow(parameter.number, unit, low, high, tokens))

    return element_rows


def _part_visit(
    component: Component, source: Source, target: Target, hasher: Hasher
) -> Visit | None:
    kind = component.parameter.kind
    if kind == "quantity":
        return quantity.visit(source, [target], hasher)
    if kind == "number":
        return number.visit(source, [target], hasher)
    if kind in _VISITS:
        return _VISITS[kind](source, [target], hasher)
    return None


def parse(parameter: Parameter, modifier: str, text: str) -> CompositeValue:
    """A value from its text. Raises Problem."""
    pieces = split(text, "$")
    if len(pieces) != len(parameter.components) or not all(pieces):
        form = "$".join(component.parameter.code for component in parameter.components)
        raise malformed(parameter.code, text, form)
    return CompositeValue(
        tuple(
            _PARSERS[component.parameter.kind](component.parameter, "", piece)
            for component, piece in zip(parameter.components, pieces, strict=True)
        )
    )


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[CompositeValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    conditions = []
    for part in parts:
        for value in values:
            if any(by_parts(source) for source in part.sources):
                conditions.append(await _together(part, value, context))
            if not all(by_parts(source) for source in part.sources):
                conditions.append(await _in_row(part, value, context))
    return any_of(conditions)


async def _together(parameter: Parameter, value: CompositeValue, context: Context) -> Sql:
    """Each part on the resource itself."""
    conditions = []
    for component, part in zip(parameter.components, value.parts, strict=True):
        own = kept(parameter.type_name)[component.parameter.code]
        conditions.append(
            await _WHERES[component.parameter.kind](component.parameter, "", [part], own, context)
        )
    return all_of(conditions)


async def _in_row(parameter: Parameter, value: CompositeValue, context: Context) -> Sql:
    """All parts in one row of `search.composite`."""
    conditions = [Sql("c.parameter = %s", (parameter.number,))]
    columns = ["c.low", "c.high"]
    several = sum(isinstance(part, NumberValue) for part in value.parts) > 1
    for place, part in enumerate(value.parts):
        name = context.name(position(parameter, place))
        match part:
            case TokenValue():
                texts = token.halves(parameter.components[place].parameter, part)
            case ReferenceValue():
                texts = reference.references(parameter.components[place].parameter, part)
            case QuantityValue():
                conditions.append(await quantity.comparison(part, "c", context))
                continue
            case NumberValue():
                # of two numbers the first is kept as low, the second as high
                low = columns.pop(0) if several else "c.low"
                conditions.append(number.comparison(part, low, low if several else "c.high"))
                continue
            case _:
                return FALSE
        hashes = sorted({name ^ context.hasher(text) for text in texts})
        conditions.append(Sql("c.tokens && %s::bigint[]", (hashes,)))
    rows = all_of(conditions)
    return Sql(
        "EXISTS (SELECT FROM search.composite c WHERE c.patient_key = r.patient_key "
        f"AND c.key = r.key AND {rows.text})",
        rows.values,
    )
