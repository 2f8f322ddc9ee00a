"""Granular scopes, such as `patient/Observation.rs?category=laboratory`, as conditions on rows.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters

A condition on a token parameter is a number in the row's token array. A scope with any other condition
grants nothing: refusing is right where a part of a type cannot be told from the rest.
"""

from functools import lru_cache

from hie.auth.scopes import Scope
from hie.errors import Problem
from hie.kit.hashing import Hasher
from hie.search.escape import split
from hie.search.hashes import name_hash
from hie.search.parameters import kept, parameters
from hie.search.params.token import halves, read_token

Marks = tuple[tuple[int, ...], ...]
"""A row has one number of each group."""


def _marks(scope: Scope, hasher: Hasher) -> Marks | None:
    groups = []
    for name, text in scope.query:
        parameter = parameters(scope.type).get(name)
        if parameter is None or parameter.kind != "token" or not parameter.ready:
            return None
        try:
            values = [read_token(parameter, "", piece) for piece in split(text, ",")]
        except Problem:
            return None
        parts = kept(scope.type).get(name, (parameter,))
        hashes = {
            name_hash(hasher, part.index_name) ^ hasher(half)
            for part in parts
            for value in values
            for half in halves(parameter, value)
        }
        groups.append(tuple(sorted(hashes)))
    return tuple(groups)


@lru_cache(maxsize=1000)
def granular(scopes: tuple[Scope, ...], hasher: Hasher) -> tuple[tuple[Scope, Marks], ...]:
    """The scopes that grant a part of one type, each with what marks the rows of that part.

    Reading and searching only: who may change a part could change it into another.
    """
    found = []
    for scope in scopes:
        marks = _marks(scope, hasher) if scope.query and scope.type != "*" else None
        if marks is not None:
            found.append((scope, marks))
    return tuple(found)
