"""Reference parameters. https://hl7.org/fhir/R4/search.html#reference

A literal reference is one number in the token array; so is its identifier, and a canonical address
with and without its version. References to what the resource contains are no addresses: they mark the
rows of what is contained (`contained.py`).
"""

from collections.abc import Sequence
from typing import Any

from hie.fhir.definitions import RESOURCE_TYPES
from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import unescape
from hie.search.hashes import name_hash, resource_hash, token_texts
from hie.search.indexed import Indexed
from hie.search.parameters import Parameter
from hie.search.params import token
from hie.search.params.target import Target
from hie.search.params.token import has_token
from hie.search.primary import patient_ranks
from hie.search.problems import malformed, refused
from hie.search.query import ReferenceValue, TokenValue, Value
from hie.search.sql import Sql

_TYPES = frozenset(RESOURCE_TYPES)
MODIFIERS = frozenset({"identifier"}) | _TYPES


def unversioned(reference: str) -> str:
    """The reference without a version: a search is for the resource."""
    return reference.partition("/_history/")[0]


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    names = [name_hash(hasher, target.parameter.index_name) for target in targets]
    identifiers = [name_hash(hasher, t.parameter.index_name, "identifier") for t in targets]

    def add(reference: str, out: Indexed) -> None:
        half = resource_hash(hasher, reference)
        out.tokens += [name ^ half for name in names]

    def reference(element: dict[str, Any], out: Indexed) -> None:
        out.present |= bits
        literal = element.get("reference")
        if literal and literal[0] != "#":
            add(unversioned(literal), out)
        elif literal:
            out.pointers += [(name, literal[1:]) for name in names]
        identifier = element.get("identifier")
        if identifier:
            texts = token_texts(identifier.get("system"), identifier.get("value"))
            out.tokens += [name ^ hasher(text) for name in identifiers for text in texts]

    def canonical(element: str, out: Indexed) -> None:
        if element[0] != "#":
            out.present |= bits
            add(element, out)
            address, version, _ = element.partition("|")
            if version:
                add(address, out)

    def resource(element: dict[str, Any], out: Indexed) -> None:
        if "id" in element:
            out.present |= bits
            add(f"{element['resourceType']}/{element['id']}", out)

    visits: dict[str, Visit] = {"Reference": reference, "Resource": resource}
    plain = ("canonical", "uri", "url")
    return canonical if source.type in plain else visits.get(source.type)


def patient_visit(type_name: str, code: str) -> Visit | None:
    """Notes the patients that a parameter of the patient compartment refers to, with its rank."""
    rank = patient_ranks(type_name).get(code)
    if rank is None:
        return None

    def patient(element: dict[str, Any], out: Indexed) -> None:
        literal = element.get("reference")
        if literal and literal.startswith("Patient/"):
            out.patients.append((rank, unversioned(literal)))

    return patient


def parse(parameter: Parameter, modifier: str, text: str) -> ReferenceValue | TokenValue:
    """A value from its text. Raises Problem."""
    if modifier == "identifier":
        return token.read_token(parameter, "", text)
    value = unescape(text)
    if not value:
        raise malformed(parameter.code, text, "id, Type/id, URL")
    only = modifier or parameter.only_type
    if not only and len(parameter.targets) == 1:
        only = parameter.targets[0]
    if ":" in value:
        return ReferenceValue(None, None, unversioned(value))
    type_, slash, logical_id = unversioned(value).rpartition("/")
    if not slash:
        return ReferenceValue(only or None, logical_id)
    if type_ not in _TYPES or not logical_id:
        raise malformed(parameter.code, text, "id, Type/id, URL")
    if only and type_ != only:
        raise refused(
            parameter.code,
            f"it refers to {only}, not to {type_}",
            f"它指向 {only}，而不是 {type_}",
            "value",
        )
    return ReferenceValue(type_, logical_id)


def references(parameter: Parameter, value: ReferenceValue) -> list[str]:
    """The literal references that the value can mean."""
    if value.url is not None:
        return [value.url]
    types = [value.type] if value.type else [t for t in parameter.targets if t in _TYPES]
    return [f"{type_}/{value.id}" for type_ in types or RESOURCE_TYPES]


def patients(parameter: Parameter, values: Sequence[Value]) -> list[str]:
    """The ids of the Patients that the values can mean."""
    return [
        value.id
        for value in values
        if isinstance(value, ReferenceValue) and value.id and value.type in (None, "Patient")
        if "Patient" in parameter.targets
    ]


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[ReferenceValue | TokenValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    hashes: set[int] = set()
    literals: set[str] = set()
    for value in values:
        if isinstance(value, TokenValue):
            hashes |= {
                context.name(part, "identifier") ^ context.hasher(text)
                for text in token.halves(parameter, value)
                for part in parts
            }
        else:
            literals.update(references(parameter, value))
    hashes |= {
        context.name(part) ^ resource_hash(context.hasher, literal)
        for literal in literals
        for part in parts
    }
    return has_token(hashes)
