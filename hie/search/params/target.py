"""Whom a value found in a resource is for."""

from typing import NamedTuple

from hie.search.parameters import Parameter


class Target(NamedTuple):
    """A parameter under which values are kept, and its bit among those of the type."""

    parameter: Parameter
    bit: int
