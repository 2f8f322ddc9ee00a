"""What one pass over a resource collects for the index tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec


class StringRow(NamedTuple):
    """A row of `search.string`."""

    parameter: int
    value: str


class DateRow(NamedTuple):
    """A row of `search.date`: from `low` up to, not including, `high`."""

    parameter: int
    low: datetime
    high: datetime


class NumberRow(NamedTuple):
    """A row of `search.number`."""

    parameter: int
    low: Decimal
    high: Decimal


class QuantityRow(NamedTuple):
    """A row of `search.quantity`."""

    parameter: int
    unit: int
    low: Decimal
    high: Decimal


class CompositeRow(NamedTuple):
    """A row of `search.composite`: the tokens of its parts, and one number if a part is one."""

    parameter: int
    unit: int | None
    low: Decimal | None
    high: Decimal | None
    tokens: tuple[int, ...]


class Word(NamedTuple):
    """A row of `search.vocabulary`."""

    parameter: int
    hash: int
    text: str


class Indexed(msgspec.Struct):
    """The index values of one resource; after `extract` the tokens are sorted and unique."""

    patient: str | None = None
    """The primary patient as `Patient/<id>`."""
    date_low: datetime | None = None
    date_high: datetime | None = None
    tokens: list[int] = []
    strings: list[StringRow] = []
    dates: list[DateRow] = []
    numbers: list[NumberRow] = []
    quantities: list[QuantityRow] = []
    composites: list[CompositeRow] = []
    words: list[Word] = []
    patients: list[tuple[int, str]] = []
    """Patients referred to by compartment parameters, each with the parameter's rank."""
    present: int = 0
    """A bit for each parameter of the type that has a value."""
    root: Any = None
    """The resource while it is being walked."""
    contained: "list[Contained]" = []
    """What is contained in the resource and has an id."""
    pointers: list[tuple[int, str]] = []
    """References to what is contained: the half of a hash that stands for the parameter, and the id."""


class Contained(NamedTuple):
    """A contained resource: its place in `contained`, type number, id within the container."""

    number: int
    type: int
    id: str
    indexed: Indexed
