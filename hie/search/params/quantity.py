"""Quantity parameters. https://hl7.org/fhir/R4/search.html#quantity

A row holds the number as sent and the hash of its unit; the vocabulary holds the units themselves.
A search resolves its unit to the units it can mean, converts the number to each of them (1 mg asks
for 1000 ug as well) and compares. Without a unit only the numbers are compared.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hie.fhir.search_params import Source, Visit
from hie.fhir.ucum import UCUM, factor_between
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import split, unescape
from hie.search.hashes import SEPARATOR
from hie.search.indexed import Indexed, QuantityRow, Word
from hie.search.parameters import Parameter
from hie.search.params import number
from hie.search.params.number import range_limits, stored
from hie.search.params.target import Target
from hie.search.problems import malformed
from hie.search.query import NumberValue, QuantityValue
from hie.search.sql import Sql, all_of, any_of

MODIFIERS: frozenset[str] = frozenset()
UNITS = 0
"""In the vocabulary, the parameter number under which units stand: no parameter's own."""
ISO_4217 = "urn:iso:std:iso:4217"
_PLAIN = frozenset({"Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity"})


def unit_word(hasher: Hasher, system: str, code: str, unit: str) -> Word:
    """The vocabulary's entry of a unit as sent."""
    text = SEPARATOR.join((system, code, unit))
    return Word(UNITS, hasher(f"{SEPARATOR}unit{SEPARATOR}{text}"), text)


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    numbers = [target.parameter.number for target in targets]
    values = reader(source.type, hasher)
    if values is None:
        return None

    def quantity(element: dict[str, Any], out: Indexed) -> None:
        found = values(element)
        if found is not None:
            word, low, high = found
            out.present |= bits
            out.words.append(word)
            out.quantities += [QuantityRow(each, word.hash, low, high) for each in numbers]

    return quantity


def reader(type_name: str, hasher: Hasher) -> Any:
    """A function from an element of the datatype to (unit, low, high) or None; None: other types."""

    @lru_cache(maxsize=1024)
    def unit(system: str, code: str, text: str) -> Word:
        return unit_word(hasher, system, code, text)

    def unit_of(element: dict[str, Any]) -> Word:
        return unit(element.get("system", ""), element.get("code", ""), element.get("unit", ""))

    def plain(element: dict[str, Any]) -> tuple[Word, Decimal, Decimal] | None:
        value = element.get("value")
        found = None if value is None else stored(value)
        if found is None:
            return None
        match element.get("comparator"):
            case "<" | "<=":
                return unit_of(element), -number.UNBOUNDED, found
            case ">" | ">=":
                return unit_of(element), found, number.UNBOUNDED
        return unit_of(element), found, found

    def money(element: dict[str, Any]) -> tuple[Word, Decimal, Decimal] | None:
        found = stored(element["value"]) if "value" in element else None
        currency = element.get("currency", "")
        return None if found is None else (unit(ISO_4217, currency, currency), found, found)

    def limits(element: dict[str, Any]) -> tuple[Word, Decimal, Decimal] | None:
        low, high = range_limits(element)
        if low is None or high is None:
            return None
        return unit_of(element.get("low") or element["high"]), low, high

    def sampled(element: dict[str, Any]) -> tuple[Word, Decimal, Decimal] | None:
        """SampledData: between its limits, if it states them; its samples are not searched."""
        if "lowerLimit" not in element or "upperLimit" not in element:
            return None
        low, high = stored(element["lowerLimit"]), stored(element["upperLimit"])
        return None if low is None or high is None else (unit_of(element["origin"]), low, high)

    if type_name in _PLAIN:
        return plain
    return {"Money": money, "Range": limits, "SampledData": sampled}.get(type_name)


def parse(parameter: Parameter, modifier: str, text: str) -> QuantityValue:
    """A value from its text. Raises Problem."""
    pieces = [unescape(piece) for piece in split(text, "|")]
    if len(pieces) not in (1, 3) or (len(pieces) == 3 and not pieces[2]):
        raise malformed(
            parameter.code, text, "[prefix]number[|system|code] or [prefix]number||unit"
        )
    value = number.parse(parameter, modifier, pieces[0])
    if len(pieces) == 1:
        return QuantityValue(value, None, None)
    return QuantityValue(value, pieces[1] or None, pieces[2])


def scaled(value: NumberValue, factor: Decimal) -> NumberValue:
    """The same amount in another unit."""
    return replace(
        value, exact=value.exact * factor, low=value.low * factor, high=value.high * factor
    )


async def comparison(value: QuantityValue, alias: str, context: Context) -> Sql:
    """The condition on rows of `alias` with columns unit, low and high."""
    low, high = f"{alias}.low", f"{alias}.high"
    if value.code is None:
        return number.comparison(value.number, low, high)
    by_factor: dict[Decimal, list[int]] = {}
    for word in await context.units():
        system, code, unit = word.text.split(SEPARATOR)
        if value.system is None:
            factor = Decimal(1) if value.code in (code, unit) else None
        elif system != value.system:
            factor = None
        elif system == UCUM:
            factor = factor_between(value.code, code)
        else:
            factor = Decimal(1) if value.code == code else None
        if factor is not None:
            by_factor.setdefault(factor, []).append(word.hash)
    return any_of(
        all_of(
            (
                Sql(f"{alias}.unit = ANY(%s::bigint[])", (sorted(units),)),
                number.comparison(scaled(value.number, factor), low, high),
            )
        )
        for factor, units in by_factor.items()
    )


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[QuantityValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    rows = any_of([await comparison(value, "q", context) for value in values])
    return Sql(
        "EXISTS (SELECT FROM search.quantity q WHERE q.patient_key = r.patient_key "
        f"AND q.key = r.key AND q.parameter = ANY(%s::smallint[]) AND ({rows.text}))",
        ([part.number for part in parts], *rows.values),
    )


def order(parameter: Parameter, parts: Sequence[Parameter], descending: bool) -> Sql:
    """The value by which rows are put in order: the number as sent."""
    which = "max" if descending else "min"
    return Sql(
        f"(SELECT {which}(q.low) FROM search.quantity q WHERE q.patient_key = r.patient_key "
        "AND q.key = r.key AND q.parameter = ANY(%s::smallint[]))",
        ([part.number for part in parts],),
    )
