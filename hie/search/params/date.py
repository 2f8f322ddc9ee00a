"""Date parameters. https://hl7.org/fhir/R4/search.html#date

Both what is sought and what is stored are ranges that hold their low end and not their high end. The
primary date of a type is on the resource row, all others are rows of `search.date`.

For `ap` the specification leaves the width to the server: a tenth of the time between now and the
value, as it recommends.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hie.fhir.dates import EARLIEST, LATEST, date_range, period_range, timing_range
from hie.fhir.search_params import Source, Visit
from hie.kit.clock import now
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.indexed import DateRow, Indexed
from hie.search.parameters import Parameter
from hie.search.params.target import Target
from hie.search.problems import malformed
from hie.search.query import DateValue
from hie.search.sql import Sql, all_of, any_of

MODIFIERS: frozenset[str] = frozenset()
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_PREFIXED = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)
_READERS: dict[str, Callable[[Any], Any]] = {
    "date": date_range,
    "dateTime": date_range,
    "instant": date_range,
    "Period": period_range,
    "Timing": timing_range,
}


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    read = _READERS.get(source.type)
    if read is None:
        return None
    bits = 0
    for target in targets:
        bits |= target.bit
    on_row = any(target.parameter.primary for target in targets)
    numbers = [t.parameter.number for t in targets if not t.parameter.primary]

    def date(element: Any, out: Indexed) -> None:
        found = read(element)
        if found is None:
            return
        out.present |= bits
        if on_row:
            out.date_low, out.date_high = found
        for number in numbers:
            out.dates.append(DateRow(number, *found))

    return date


def split_prefix(text: str) -> tuple[str, str]:
    """The prefix, `eq` if there is none, and the rest."""
    match = _PREFIXED.fullmatch(text)
    prefix, rest = match.groups() if match else (None, text)
    return prefix or "eq", rest


def parse(parameter: Parameter, modifier: str, text: str) -> DateValue:
    """A value from its text. Raises Problem."""
    prefix, rest = split_prefix(text)
    try:
        # a form decoder has made the sign of a time zone a space
        low, high = date_range(rest.replace(" ", "+"))
    except ValueError:
        allowed = f"[{'|'.join(PREFIXES)}]yyyy[-mm[-dd[Thh:mm[:ss[.sss]][Z|+hh:mm]]]]"
        raise malformed(parameter.code, text, allowed) from None
    if prefix == "ap":
        middle = low + (high - low) / 2
        width = abs(now() - middle) / 10
        low = max(low - width, EARLIEST) if low - EARLIEST > width else EARLIEST
        high = high + width if LATEST - high > width else LATEST
    return DateValue(prefix, low, high)


def comparison(value: DateValue, low: str, high: str) -> Sql:
    """The specification's table of prefixes, on columns that hold the stored range.

    Where it leaves the low end open, a condition is added that follows from the others: the indexes have
    the low ends, and the high ends of the few ranges that are longer than a day.
    """
    match value.prefix:
        case "eq":  # "the range of the search value fully contains the range of the target value"
            return Sql(
                f"({low} >= %s AND {high} <= %s AND {low} <= %s)",
                (value.low, value.high, value.high),
            )
        case "ne":
            return Sql(f"({low} < %s OR {high} > %s)", (value.low, value.high))
        case "gt":  # "the range above the search value intersects the range of the target value"
            return _ending_after(value.high, low, high)
        case "lt":
            return Sql(f"{low} < %s", (value.low,))
        case "ge":  # gt or eq
            found = Sql(f"{low} >= %s", (value.low,))
            return any_of((found, _ending_after(value.high, low, high)))
        case "le":
            return Sql(
                f"({low} <= %s AND ({high} <= %s OR {low} < %s))",
                (value.high, value.high, value.low),
            )
        case "sa":  # "does not overlap, and the range above contains the range of the target value"
            return Sql(f"{low} >= %s", (value.high,))
        case "eb":
            return Sql(f"({low} <= %s AND {high} <= %s)", (value.low, value.low))
        case _:  # ap: overlaps
            found = Sql(f"{low} < %s", (value.high,))
            return all_of((found, _ending_after(value.low, low, high)))


def _ending_after(moment: datetime, low: str, high: str) -> Sql:
    """Ranges that end after the moment."""
    earlier = moment - DAY if moment - EARLIEST > DAY else EARLIEST
    return Sql(
        f"(({low} >= %s AND {high} > %s) OR ({high} - {low} > '1 day' AND {high} > %s))",
        (earlier, moment, moment),
    )


def _instant_comparison(value: DateValue) -> Sql:
    """The same table for `r.last_updated`, a range of one millisecond; the column stands alone, so that
    its index is used.
    """
    column = "r.last_updated"
    low, high = value.low, value.high - MILLISECOND
    match value.prefix:
        case "eq":
            return Sql(f"({column} >= %s AND {column} <= %s)", (low, high))
        case "ne":
            return Sql(f"({column} < %s OR {column} > %s)", (low, high))
        case "gt":
            return Sql(f"{column} > %s", (high,))
        case "lt":
            return Sql(f"{column} < %s", (low,))
        case "ge":  # gt or eq
            return Sql(f"({column} >= %s OR {column} > %s)", (low, high))
        case "le":
            return Sql(f"({column} <= %s OR {column} < %s)", (high, low))
        case "sa":
            return Sql(f"{column} >= %s", (value.high,))
        case "eb":
            return Sql(f"{column} <= %s", (low - MILLISECOND,))
        case _:  # ap and po: overlaps
            return Sql(f"({column} < %s AND {column} > %s)", (value.high, low - MILLISECOND))


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[DateValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    if parameter.code == "_lastUpdated":
        return any_of(_instant_comparison(value) for value in values)
    conditions = []
    if any(part.primary for part in parts):
        conditions.append(any_of(comparison(v, "r.date_low", "r.date_high") for v in values))
    numbers = [part.number for part in parts if not part.primary]
    if numbers:
        rows = any_of(comparison(value, "d.low", "d.high") for value in values)
        conditions.append(
            Sql(
                "EXISTS (SELECT FROM search.date d WHERE d.patient_key = r.patient_key "
                f"AND d.key = r.key AND d.parameter = ANY(%s::smallint[]) AND {rows.text})",
                (numbers, *rows.values),
            )
        )
    return any_of(conditions)


def order(parameter: Parameter, parts: Sequence[Parameter], descending: bool) -> Sql:
    """The value by which rows are put in order: the low end; of several dates the first or last."""
    if parameter.code == "_lastUpdated":
        return Sql("r.last_updated")
    if all(part.primary for part in parts):
        return Sql("r.date_low")
    which = "max" if descending else "min"
    return Sql(
        f"(SELECT {which}(d.low) FROM search.date d WHERE d.patient_key = r.patient_key "
        "AND d.key = r.key AND d.parameter = ANY(%s::smallint[]))",
        ([part.number for part in parts],),
    )
