"""The algebra of SMART scopes, version 1 and 2: pure values, no input or output.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html

A resource scope is a set of *atoms* (context, type, one of c r u d s, query). One atom covers
another when it allows everything the other allows: the same context and letter, the same type or
`*`, and no condition in the query that the other lacks. A normal form keeps the atoms that no
other atom covers, so equal sets of permissions have one spelling.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, get_args
from urllib.parse import parse_qsl, quote

from hie.fhir.definitions import RESOURCE_TYPES

Context = Literal["patient", "user", "system"]
LETTERS = "cruds"
VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
"""https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources"""

SPECIAL_SCOPES = frozenset(
    {
        "openid",
        "fhirUser",
        "profile",
        "launch",
        "launch/patient",
        "launch/encounter",
        "offline_access",
        "online_access",
    }
)

LETTER_OF_INTERACTION = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "history-type": "s",
}

_TYPES = frozenset(RESOURCE_TYPES)
_CONTEXTS = frozenset(get_args(Context))
_RESOURCE_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]*)\.([a-z*]+)(?:\?(.+))?")
_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 section 3.3
_QUERY_SAFE = ":/|,.-_~$!*"


class UnknownScope(ValueError):  # noqa: N818 - it names what was asked
    """A scope that this server does not know; it is refused and never dropped silently."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"unknown scope: {scope[:200]}")
        self.scope = scope


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One resource scope, such as `patient/Observation.rs?category=laboratory`."""

    context: Context
    type: str
    """A resource type or `*`."""
    permissions: str
    """Letters of `cruds`, in that order."""
    query: tuple[tuple[str, str], ...] = ()
    """Search conditions that all have to hold, sorted."""

    def __str__(self) -> str:
        text = f"{self.context}/{self.type}.{self.permissions}"
        if not self.query:
            return text
        conditions = (
            f"{quote(name, safe=_QUERY_SAFE)}={quote(value, safe=_QUERY_SAFE)}"
            for name, value in self.query
        )
        return f"{text}?{'&'.join(conditions)}"


class ScopeSet(NamedTuple):
    """What a space-separated scope string says, in normal form."""

    resources: tuple[Scope, ...] = ()
    special: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return format(self)


class _Atom(NamedTuple):
    context: Context
    type: str
    letter: str
    query: frozenset[tuple[str, str]]

    def covers(self, other: "_Atom") -> bool:
        return (
            self.context == other.context
            and self.letter == other.letter
            and self.type in ("*", other.type)
            and self.query <= other.query
        )

    def meet(self, other: "_Atom") -> "_Atom | None":
        """What both allow: each condition of both has to hold."""
        if self.context != other.context or self.letter != other.letter:
            return None
        if self.type != other.type and "*" not in (self.type, other.type):
            return None
        narrower = other.type if self.type == "*" else self.type
        return _Atom(self.context, narrower, self.letter, self.query | other.query)


def _atoms(scopes: Iterable[Scope]) -> set[_Atom]:
    return {
        _Atom(scope.context, scope.type, letter, frozenset(scope.query))
        for scope in scopes
        for letter in scope.permissions
    }


def _normal_form(atoms: set[_Atom]) -> tuple[Scope, ...]:
    maximal = [a for a in atoms if not any(b != a and b.covers(a) for b in atoms)]
    letters: dict[tuple[Context, str, tuple[tuple[str, str], ...]], set[str]] = {}
    for atom in maximal:
        letters.setdefault((atom.context, atom.type, tuple(sorted(atom.query))), set()).add(
            atom.letter
        )
    return tuple(
        sorted(
            Scope(context, type_name, "".join(c for c in LETTERS if c in found), query)
            for (context, type_name, query), found in letters.items()
        )
    )


def normalise(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """The one spelling of this set of permissions: merged, without what another scope covers."""
    return _normal_form(_atoms(scopes))


def parse_scope(token: str) -> Scope:
    """One resource scope of version 1 or 2. Raises `UnknownScope`."""
    match = _RESOURCE_SCOPE.fullmatch(token)
    if match is None or _TOKEN.fullmatch(token) is None:
        raise UnknownScope(token)
    context, type_name, permissions, query = match.groups()
    if type_name != "*" and type_name not in _TYPES:
        raise UnknownScope(token)
    letters = VERSION_1.get(permissions, permissions)
    if letters != "".join(c for c in LETTERS if c in letters):  # unknown, doubled or out of order
        raise UnknownScope(token)
    pairs: list[tuple[str, str]] = []
    if query is not None:
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError as error:
            raise UnknownScope(token) from error
        if not all(name and value and "\0" not in name + value for name, value in pairs):
            raise UnknownScope(token)
    if context not in _CONTEXTS:
        raise UnknownScope(token)
    return Scope(context, type_name, letters, tuple(sorted(set(pairs))))  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def parse(text: str) -> ScopeSet:
    """A space-separated scope string, in normal form. Raises `UnknownScope` for the first unknown."""
    tokens = text.split()
    special = frozenset(token for token in tokens if token in SPECIAL_SCOPES)
    resources = [parse_scope(token) for token in tokens if token not in SPECIAL_SCOPES]
    return ScopeSet(normalise(resources), special)


def format(scopes: ScopeSet) -> str:  # noqa: A001 - `scopes.format` is what it is called everywhere
    """The version 2 spelling, special scopes first, always in the same order."""
    return " ".join([*sorted(scopes.special), *map(str, scopes.resources)])


def intersect(left: ScopeSet, right: ScopeSet) -> ScopeSet:
    """What both sets allow, and nothing else; the order of the arguments does not matter."""
    mine, others = _atoms(left.resources), _atoms(right.resources)
    met = {meet for a in mine for b in others if (meet := a.meet(b)) is not None}
    return ScopeSet(_normal_form(met), left.special & right.special)


def covers(wider: ScopeSet, narrower: ScopeSet) -> bool:
    """Whether `wider` allows everything that `narrower` allows."""
    atoms = _atoms(wider.resources)
    return narrower.special <= wider.special and all(
        any(a.covers(b) for a in atoms) for b in _atoms(narrower.resources)
    )


def in_contexts(scopes: ScopeSet, contexts: Iterable[Context]) -> ScopeSet:
    """Only the resource scopes of these contexts; special scopes stay."""
    kept = frozenset(contexts)
    return scopes._replace(resources=tuple(s for s in scopes.resources if s.context in kept))


def permitting(scopes: Iterable[Scope], type_name: str, interaction: str) -> tuple[Scope, ...]:
    """The scopes that permit the interaction (`read`, `search-type`, …) on the type.

    Each carries its `query`: the permission holds for resources that match it, and the caller has
    to enforce that. `KeyError` for an interaction that no letter stands for.
    """
    letter = LETTER_OF_INTERACTION[interaction]
    return tuple(s for s in scopes if s.type in ("*", type_name) and letter in s.permissions)


def permits(scopes: Iterable[Scope], type_name: str, interaction: str) -> bool:
    """Whether any scope permits the interaction on some resources of the type."""
    return bool(permitting(scopes, type_name, interaction))
