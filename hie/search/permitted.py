"""The caller's restriction as a piece of SQL among others."""

import re

from hie.search.restriction import Restriction, condition
from hie.search.sql import FALSE, TRUE, Sql

_NAMED = re.compile(r"%\((\w+)\)s")


def permitted(restriction: Restriction, type_name: str | None) -> Sql:
    """The condition on `r` that the caller may see the row."""
    text, named = condition(restriction, type_name)
    if text in ("(true)", "(false)"):
        return TRUE if text == "(true)" else FALSE
    values = tuple(named[name] for name in _NAMED.findall(text))
    return Sql(_NAMED.sub("%s", text), values)
