"""Conversion between UCUM units of one dimension. https://ucum.org/ucum

A unit expression is a product of factors: a prefix and an atom, an exponent, `.` and `/`, annotations
in braces. Atoms are given by their value in base units; those that no multiplication can convert
(`Cel`, `pH`) and arbitrary units (`[iU]`) are dimensions of their own, as UCUM says.
"""

import re
from decimal import Decimal
from functools import lru_cache

UCUM = "http://unitsofmeasure.org"

_PREFIXES = {
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
    "z": -21,
}

# atom: (factor, dimensions, metric). Dimensions: m s g mol rad K C cd, or the atom's own name.
_Atom = tuple[str, dict[str, int], bool]
_ATOMS: dict[str, _Atom] = {
    "m": ("1", {"m": 1}, True),
    "s": ("1", {"s": 1}, True),
    "g": ("1", {"g": 1}, True),
    "rad": ("1", {"rad": 1}, True),
    "K": ("1", {"K": 1}, True),
    "C": ("1", {"C": 1}, True),
    "cd": ("1", {"cd": 1}, True),
    "mol": ("6.02214076e23", {}, True),
    "%": ("0.01", {}, False),
    "10*": ("10", {}, False),
    "10^": ("10", {}, False),
    "[ppth]": ("1e-3", {}, False),
    "[ppm]": ("1e-6", {}, False),
    "[ppb]": ("1e-9", {}, False),
    "min": ("60", {"s": 1}, False),
    "h": ("3600", {"s": 1}, False),
    "d": ("86400", {"s": 1}, False),
    "wk": ("604800", {"s": 1}, False),
    "mo": ("2629800", {"s": 1}, False),
    "a": ("31557600", {"s": 1}, False),
    "l": ("1e-3", {"m": 3}, True),
    "L": ("1e-3", {"m": 3}, True),
    "t": ("1e6", {"g": 1}, True),
    "u": ("1.6605402e-24", {"g": 1}, True),
    "Hz": ("1", {"s": -1}, True),
    "N": ("1e3", {"g": 1, "m": 1, "s": -2}, True),
    "Pa": ("1e3", {"g": 1, "m": -1, "s": -2}, True),
    "J": ("1e3", {"g": 1, "m": 2, "s": -2}, True),
    "W": ("1e3", {"g": 1, "m": 2, "s": -3}, True),
    "V": ("1e3", {"g": 1, "m": 2, "s": -2, "C": -1}, True),
    "A": ("1", {"C": 1, "s": -1}, True),
    "Ohm": ("1e3", {"g": 1, "m": 2, "s": -1, "C": -2}, True),
    "bar": ("1e8", {"g": 1, "m": -1, "s": -2}, True),
    "m[Hg]": ("133322000", {"g": 1, "m": -1, "s": -2}, True),
    "m[H2O]": ("9806650", {"g": 1, "m": -1, "s": -2}, True),
    "cal": ("4184", {"g": 1, "m": 2, "s": -2}, True),
    "[Cal]": ("4184000", {"g": 1, "m": 2, "s": -2}, False),
    "eq": ("6.02214076e23", {}, True),
    "osm": ("6.02214076e23", {}, True),
    "kat": ("6.02214076e23", {"s": -1}, True),
    "U": ("10036901266666666.666666666667", {"s": -1}, True),
    "Gy": ("1", {"m": 2, "s": -2}, True),
    "Sv": ("1", {"m": 2, "s": -2}, True),
    "Bq": ("1", {"s": -1}, True),
    "deg": ("0.017453292519943295769", {"rad": 1}, False),
    # an arbitrary unit is of a dimension of its own, in which its multiples convert
    "[iU]": ("1", {"[iU]": 1}, True),
    "[IU]": ("1", {"[iU]": 1}, True),
    "[in_i]": ("0.0254", {"m": 1}, False),
    "[ft_i]": ("0.3048", {"m": 1}, False),
    "[lb_av]": ("453.59237", {"g": 1}, False),
    "[oz_av]": ("28.349523125", {"g": 1}, False),
    "[drp]": ("5e-8", {"m": 3}, False),
    "[foz_us]": ("29.5735295625e-6", {"m": 3}, False),
}
_NUMBER = re.compile(r"[+-]?\d+")
_COMPONENT = re.compile(r"(.+?)([+-]?\d+)?")
_BRACES = re.compile(r"\{[^{}]*\}")
LONGEST = 100
"""Characters of a unit; a longer text is none, and nobody computes with its digits."""

Canonical = tuple[Decimal, tuple[tuple[str, int], ...]]


@lru_cache(maxsize=4096)
def canonical(unit: str) -> Canonical:
    """The factor to base units and the dimensions. What is not understood is its own dimension."""
    if len(unit) > LONGEST:
        return Decimal(1), ((unit, 1),)
    # To UCUM annotations mean nothing; but scores and pack-years must not be found for each other.
    factor, dimensions = Decimal(1), dict.fromkeys(_BRACES.findall(unit), 1)
    plain = _BRACES.sub("", unit)
    sign = 1
    for piece in re.split(r"([./])", plain):
        if piece in (".", "/", ""):
            sign = -1 if piece == "/" else (1 if piece == "." else sign)
            continue
        component = _component(piece)
        if component is None:
            return Decimal(1), ((unit, 1),)
        size, parts = component
        factor *= size**sign
        for dimension, exponent in parts.items():
            dimensions[dimension] = dimensions.get(dimension, 0) + exponent * sign
        sign = 1
    return factor, tuple(sorted((name, n) for name, n in dimensions.items() if n))


def _component(text: str) -> tuple[Decimal, dict[str, int]] | None:
    if _NUMBER.fullmatch(text):
        return (Decimal(text), {}) if int(text) else None
    candidates = [(text, 1)]
    match = _COMPONENT.fullmatch(text)
    if match and match[2]:
        candidates.append((match[1], int(match[2])))
    for name, exponent in candidates:
        atom = _atom(name)
        if atom is not None and abs(exponent) <= 30:
            size, parts = atom
            return size**exponent, {key: value * exponent for key, value in parts.items()}
    return None


def _atom(name: str) -> tuple[Decimal, dict[str, int]] | None:
    if name in _ATOMS:
        size, parts, _ = _ATOMS[name]
        return Decimal(size), parts
    for length in (2, 1):
        prefix, rest = name[:length], name[length:]
        if prefix in _PREFIXES and rest in _ATOMS and _ATOMS[rest][2]:
            size, parts, _ = _ATOMS[rest]
            return Decimal(size).scaleb(_PREFIXES[prefix]), parts
    return None


def factor_between(source: str, target: str) -> Decimal | None:
    """By what an amount in `source` is multiplied to be one in `target`; None: another dimension."""
    if source == target:
        return Decimal(1)
    one, other = canonical(source), canonical(target)
    if one[1] != other[1]:
        return None
    return (one[0] / other[0]).normalize()
