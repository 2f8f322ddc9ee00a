"""What the variable parts of an address name. https://hl7.org/fhir/R4/http.html#summary"""

import difflib
import re
from collections.abc import Mapping

from hie.errors import Problem, problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.rest.operations.table import OPERATIONS

KNOWN_TYPES = frozenset(RESOURCE_TYPES)
# https://hl7.org/fhir/R4/datatypes.html#id
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def require_type_and_id(asked: Mapping[str, str]) -> None:
    """Problem 404 for an operation or a type that is not known, 400 for what cannot be an id."""
    logical_id = asked.get("id", asked.get("export"))
    known = asked.get("type") in KNOWN_TYPES and "compartment" not in asked
    if known and logical_id is not None and ID.fullmatch(logical_id):
        return  # nearly every request
    for place in ("compartment", "type", "id"):
        name = asked.get(place)
        if name is not None and name.startswith("$"):
            raise _unknown_operation(name, asked.get("compartment", asked.get("type", "system")))
    for place in ("compartment", "type"):
        name = asked.get(place)
        if name is not None and name not in KNOWN_TYPES:
            raise _unknown_type(name)
    if logical_id is not None and not ID.fullmatch(logical_id):
        raise problem(
            400,
            "value",
            f"{logical_id[:80]!r} is not an id: 1 to 64 of A-Z a-z 0-9 - .",
            f"{logical_id[:80]!r} 不是合法的 id：1 至 64 个字符，A-Z a-z 0-9 - .",
        )


def _unknown_type(name: str) -> Problem:
    near = difflib.get_close_matches(name[:80], RESOURCE_TYPES, n=1, cutoff=0.8)
    return problem(
        404,
        "not-supported",
        f"'{name[:80]}' is not a resource type of FHIR R4"
        + (f"; did you mean {near[0]}?" if near else ""),
        f"FHIR R4 没有资源类型“{name[:80]}”" + (f"；是否应为 {near[0]}？" if near else ""),
    )


def _unknown_operation(name: str, type_name: str) -> Problem:
    kinds = ("system",) if type_name not in KNOWN_TYPES else (type_name, "Resource")
    known = sorted({f"${one.code}" for one in OPERATIONS if one.type in kinds})
    where = "here" if kinds == ("system",) else f"on {type_name}"
    place = "此处" if kinds == ("system",) else f" {type_name} "
    return problem(
        404,
        "not-supported",
        f"There is no operation {name[:80]} {where}; there are {', '.join(known)}",
        f"{place}不支持操作 {name[:80]}；支持：{'、'.join(known)}",
    )
