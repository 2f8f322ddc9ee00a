"""The caller's restriction as a piece of SQL among others."""

import re

from hie.search.restriction import Restriction, condition
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of

_NAMED = re.compile(r"%\((\w+)\)s")


def permitted(restriction: Restriction, type_name: str | None) -> Sql:
    """The condition on `r` that the caller may see the row."""
    text, named = condition(restriction, type_name)
    if text in ("(true)", "(false)"):
        return TRUE if text == "(true)" else FALSE
    values = tuple(named[name] for name in _NAMED.findall(text))
    return Sql(_NAMED.sub("%s", text), values)


def permitted_inside(restriction: Restriction, type_name: str) -> Sql:
    """That the caller's scopes allow contained resources of the type, by their marks; for rows `r` of them."""
    return any_of(
        all_of(Sql("r.tokens && %s::bigint[]", (list(group),)) for group in rule.marks)
        for rule in restriction.for_type(type_name)
    )
