"""`_include` and `_revinclude`. https://hl7.org/fhir/R4/search.html#include"""

from hie.fhir.definitions import RESOURCE_TYPES
from hie.search.problems import malformed, unknown
from hie.search.query import Include
from hie.search.queryable import queryable

FORM = "Type:reference[:TargetType], Type:* or *"
_TYPES = frozenset(RESOURCE_TYPES)


def parse_include(type_name: str | None, name: str, value: str) -> Include:
    """The include that `name=value` asks for in a search on `type_name` (None: on several types).

    Raises Problem 400.
    """
    control, _, modifier = name.partition(":")
    if modifier not in ("", "iterate", "recurse"):
        raise malformed(name, modifier, "iterate")
    reverse = control == "_revinclude"
    iterate = bool(modifier)
    if value == "*":
        source = None if iterate or reverse else type_name
        return Include(source, None, None, iterate, reverse)
    pieces = value.split(":")
    if len(pieces) not in (2, 3) or pieces[0] not in _TYPES:
        raise malformed(name, value, FORM)
    source, code = pieces[0], pieces[1]
    target = pieces[2] if len(pieces) == 3 else None
    if target is not None and target not in _TYPES:
        raise malformed(name, value, FORM)
    if code == "*":
        return Include(source, None, target, iterate, reverse)
    parameter = queryable(source).get(code)
    if parameter is None or parameter.kind != "reference":
        allowed = [c for c, p in queryable(source).items() if p.kind == "reference"]
        raise unknown(f"{name}={source}:{code}", source, allowed)
    return Include(source, code, target, iterate, reverse)
