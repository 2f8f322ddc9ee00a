"""`Location.near`, the one special parameter with a place in resources.

https://hl7.org/fhir/R4/location.html#search — "Search for locations where the location.position is near
to, or within a specified distance of, the provided coordinates expressed as
[latitude]|[longitude]|[distance]|[units]". A position is a row of `search.number`: the latitude as its
low end, the longitude as its high one.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import split, unescape
from hie.search.indexed import Indexed, NumberRow
from hie.search.parameters import Parameter
from hie.search.params.number import stored
from hie.search.params.target import Target
from hie.search.problems import malformed
from hie.search.query import PositionValue
from hie.search.sql import Sql, any_of

MODIFIERS: frozenset[str] = frozenset()
# "If the units are omitted, then kms should be assumed. If the distance is omitted, then the server
# can use its own discretion."
DEFAULT_KILOMETRES = 10.0
EARTH_KILOMETRES = 6371.0088
"""Mean radius. https://www.iugg.org"""
KILOMETRES = {"km": 1.0, "m": 0.001, "[mi_us]": 1.609347, "[mi_i]": 1.609344, "mi": 1.609344}
DEGREES_A_KILOMETRE = 1 / 110.5

# The haversine; `least` because rounding may leave the sine of half the angle a hair above one.
DISTANCE = """
2 * %s * asin(least(1, sqrt(
    sin(radians(n.low::float8 - %s) / 2) ^ 2
    + cos(radians(%s)) * cos(radians(n.low::float8)) * sin(radians(n.high::float8 - %s) / 2) ^ 2
)))
"""


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    numbers = [target.parameter.number for target in targets]

    def position(element: dict[str, Any], out: Indexed) -> None:
        latitude, longitude = stored(element["latitude"]), stored(element["longitude"])
        if latitude is not None and longitude is not None:
            out.present |= bits
            out.numbers += [NumberRow(number, latitude, longitude) for number in numbers]

    return position


def parse(parameter: Parameter, modifier: str, text: str) -> PositionValue:
    """A value from its text. Raises Problem."""
    form = f"latitude|longitude[|distance[|{'|'.join(KILOMETRES)}]]"
    latitude, longitude, distance, unit, *more = (
        *(unescape(piece) for piece in split(text, "|")),
        *("", "", ""),
    )
    if any(more):
        raise malformed(parameter.code, text, form)
    try:
        kilometres = DEFAULT_KILOMETRES
        if distance:
            kilometres = float(distance) * KILOMETRES[unit or "km"]
        value = PositionValue(float(latitude), float(longitude), kilometres)
    except (ValueError, KeyError):
        raise malformed(parameter.code, text, form) from None
    possible = abs(value.latitude) <= 90 and abs(value.longitude) <= 180 and 0 <= kilometres < 1e5
    if not possible:  # also where one of them is no number
        raise malformed(parameter.code, text, form)
    return value


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[PositionValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`: first by the belt of latitudes, which the index of numbers has."""
    rows = any_of(_within(value) for value in values)
    return Sql(
        "EXISTS (SELECT FROM search.number n WHERE n.patient_key = r.patient_key "
        f"AND n.key = r.key AND n.parameter = ANY(%s::smallint[]) AND {rows.text})",
        ([part.number for part in parts], *rows.values),
    )


def _within(value: PositionValue) -> Sql:
    belt = Decimal(str(value.kilometres * DEGREES_A_KILOMETRE))
    middle = Decimal(str(value.latitude))
    return Sql(
        f"(n.low BETWEEN %s AND %s AND {DISTANCE} <= %s)",
        (
            middle - belt,
            middle + belt,
            EARTH_KILOMETRES,
            value.latitude,
            value.latitude,
            value.longitude,
            value.kilometres,
        ),
    )
