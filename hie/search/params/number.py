"""Number parameters. https://hl7.org/fhir/R4/search.html#number

Without prefix and with `ne` a number stands for the range of its implicit precision: `100` is
99.5 up to 100.5, `100.00` is 99.995 up to 100.005. `1e2` is 50 up to 150: R4 calls it "1 significant
figures precision", and the range that its table prints beside, 95 up to 105, is that of two.
With the prefixes of order "the implicit precision of the number is ignored".
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.indexed import Indexed, NumberRow
from hie.search.parameters import Parameter
from hie.search.params.date import PREFIXES, split_prefix
from hie.search.params.target import Target
from hie.search.problems import malformed
from hie.search.query import NumberValue
from hie.search.sql import Sql, any_of

MODIFIERS: frozenset[str] = frozenset()
_PLAIN = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
# PostgreSQL's numeric reaches further, but no measurement does; and 1e999999 must not be stored.
LARGEST_EXPONENT = 300
LONGEST = 100
UNBOUNDED = Decimal("1e301")


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    numbers = [target.parameter.number for target in targets]

    def plain(element: float, out: Indexed) -> None:
        value = stored(element)
        if value is not None:
            out.present |= bits
            out.numbers += [NumberRow(number, value, value) for number in numbers]

    def limits(element: dict[str, Any], out: Indexed) -> None:
        low, high = range_limits(element)
        if low is not None and high is not None:
            out.present |= bits
            out.numbers += [NumberRow(number, low, high) for number in numbers]

    if source.type in _PLAIN:
        return plain
    return limits if source.type == "Range" else None


def stored(value: float | int | str) -> Decimal | None:
    """A number of a resource as it is indexed; None if it is beyond all measure."""
    number = Decimal(str(value))
    return number if number.is_finite() and abs(number.adjusted()) <= LARGEST_EXPONENT else None


def range_limits(element: dict[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """Both ends of a Range; a missing end is open, and (None, None) if there is neither."""
    ends = [element.get(key, {}).get("value") for key in ("low", "high")]
    if ends == [None, None]:
        return None, None
    low = -UNBOUNDED if ends[0] is None else stored(ends[0])
    high = UNBOUNDED if ends[1] is None else stored(ends[1])
    return low, high


def parse(parameter: Parameter, modifier: str, text: str) -> NumberValue:
    """A value from its text. Raises Problem."""
    prefix, rest = split_prefix(text)
    try:
        number = Decimal(rest) if len(rest) <= LONGEST and rest.isascii() else None
    except InvalidOperation:
        number = None
    if (
        number is None
        or not number.is_finite()
        or "_" in rest
        or abs(number.adjusted()) > LARGEST_EXPONENT
    ):
        raise malformed(parameter.code, text, f"[{'|'.join(PREFIXES)}]number")
    exponent = number.as_tuple().exponent
    half = Decimal((0, (5,), int(exponent) - 1))
    if prefix == "ap":
        half = max(half, abs(number) / 10)
    return NumberValue(prefix, number, number - half, number + half)


def comparison(value: NumberValue, low: str, high: str) -> Sql:
    """The specification's table of prefixes, on columns that hold the stored number or range.

    Where it asks for the high end only, what follows from it for the low end is added, for an index.
    """
    match value.prefix:
        case "eq":
            return Sql(
                f"({low} >= %s AND {high} <= %s AND {low} < %s)",
                (value.low, value.high, value.high),
            )
        case "ne":
            return Sql(
                f"({low} < %s OR {low} >= %s OR {high} > %s)",
                (
                    value.low,
                    value.high,
                    value.high,
                ),
            )
        case "gt":
            return _reaching(">", value.exact, low, high)
        case "lt":
            return Sql(f"{low} < %s", (value.exact,))
        case "ge":
            return _reaching(">=", value.exact, low, high)
        case "le":
            return Sql(f"{low} <= %s", (value.exact,))
        case "sa":
            return Sql(f"{low} > %s", (value.exact,))
        case "eb":
            return Sql(f"({low} < %s AND {high} < %s)", (value.exact, value.exact))
        case _:  # ap: overlaps
            return Sql(
                f"(({low} <= %s AND {low} >= %s) OR "
                f"({high} > {low} AND {low} <= %s AND {high} >= %s))",
                (value.high, value.low, value.high, value.low),
            )


def _reaching(sign: str, limit: Decimal, low: str, high: str) -> Sql:
    """That the high end is beyond the limit: the indexes have low ends, and high ends of ranges."""
    return Sql(f"({low} {sign} %s OR ({high} > {low} AND {high} {sign} %s))", (limit, limit))


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[NumberValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    rows = any_of(comparison(value, "n.low", "n.high") for value in values)
    return Sql(
        "EXISTS (SELECT FROM search.number n WHERE n.patient_key = r.patient_key "
        f"AND n.key = r.key AND n.parameter = ANY(%s::smallint[]) AND {rows.text})",
        ([part.number for part in parts], *rows.values),
    )


def order(parameter: Parameter, parts: Sequence[Parameter], descending: bool) -> Sql:
    """The value by which rows are put in order."""
    which = "max" if descending else "min"
    return Sql(
        f"(SELECT {which}(n.low) FROM search.number n WHERE n.patient_key = r.patient_key "
        "AND n.key = r.key AND n.parameter = ANY(%s::smallint[]))",
        ([part.number for part in parts],),
    )
