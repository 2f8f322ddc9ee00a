"""Conditional matches of the write door. https://hl7.org/fhir/R4/http.html#ccreate

A match sees what its caller may see and nothing else, so that it cannot serve as an oracle.
"""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.db import Connection
from hie.search.execute import execute
from hie.search.parameters import Parameter
from hie.search.parse import parse
from hie.search.queryable import queryable
from hie.search.restriction import Restriction
from hie.search.rewrite.own_addresses import own_addresses
from hie.store.open import Store

LOCK = "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number ORDER BY number"

KNOWN_TYPES = frozenset(RESOURCE_TYPES)
# They say how a result looks and not what matches.
NO_CRITERIA = frozenset(
    ("_count", "_sort", "_total", "_include", "_revinclude", "_summary", "_elements", "_format")
)


def bare(text: str | None, type_name: str) -> str | None:
    """The criteria of an If-None-Exist alone: some clients send the address before them too.

    https://hl7.org/fhir/R4/http.html#ccreate asks for "the query portion" only.
    """
    if text is None:
        return None
    before, question, query = text.partition("?")
    if question and before.rpartition("/")[2] in ("", type_name) and "=" not in before:
        return query
    return text


def normal(type_name: str, query: str, fhir_base: str) -> str:
    """One text for all ways of writing the same criteria: what is locked is the question itself.

    An address below `fhir_base`, this server's own, is the reference that it stands for.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    if type_name in KNOWN_TYPES and fhir_base in query:
        known = queryable(type_name)
        pairs = [
            (name, _local(value, f"{fhir_base}/") if _is_reference(known, name) else value)
            for name, value in pairs
        ]
    return f"{type_name}?{urlencode(sorted(pairs))}"


def _is_reference(known: Mapping[str, Parameter], name: str) -> bool:
    parameter = known.get(name.partition(":")[0])
    return parameter is not None and parameter.kind == "reference"


def _local(value: str, base: str) -> str:
    return ",".join(each.removeprefix(base) for each in value.split(","))


async def lock_matches(connection: Connection, store: Store, queries: Collection[str]) -> None:
    """Let only one transaction at a time decide whether anything matches each of the queries."""
    if queries:
        await connection.execute(LOCK, (sorted(store.hasher(f"match {q}") for q in queries),))


async def matching_ids(
    connection: Connection,
    store: Store,
    restriction: Restriction,
    type_name: str,
    query: str,
    expression: str | None,
    *,
    fhir_base: str,
    most: int,
) -> list[str]:
    """The ids of what matches `query`; Problem 412 for more than `most` of them.

    References in `query` may be addresses below `fhir_base`, this server's own.

    Problem 400 if the query cannot be understood, has no criterion, or one without a value: a
    search leaves that out, but what is to be changed must not be found by less than was said.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    none = [name for name, value in pairs if not value or name.partition(":")[0] in NO_CRITERIA]
    if type_name not in KNOWN_TYPES or not pairs or none:
        wrong = f"; '{none[0][:80]}' is none" if none else ""
        zh = f"；“{none[0][:80]}”不是条件" if none else ""
        raise problem(
            400,
            "invalid",
            f"'{type_name}?{query[:200]}' must consist of search criteria with values, at least one"
            f"{wrong}. To name one resource, use its address {type_name}/id",
            f"“{type_name}?{query[:200]}”须由至少一个带值的检索条件组成{zh}。若指定单个资源，请使用地址 {type_name}/id",
            expression,
        )
    tree = own_addresses(parse(type_name, [*pairs, ("_count", str(most + 1))]), fhir_base)
    page = await execute(connection, store, tree, restriction)
    if len(page.matches) > most:
        raise problem(
            412,
            "multiple-matches",
            f"'{type_name}?{query[:200]}' matches more than {most} resource(s)",
            f"“{type_name}?{query[:200]}”匹配到的资源多于 {most} 个",
            expression,
        )
    return [row.id for row in page.matches]


async def matching_id(
    connection: Connection,
    store: Store,
    restriction: Restriction,
    type_name: str,
    query: str,
    expression: str | None,
    *,
    fhir_base: str,
) -> str | None:
    """The id of the only resource that matches `query`, None if there is none; Problem as above."""
    found = await matching_ids(
        *(connection, store, restriction, type_name, query, expression),
        fhir_base=fhir_base,
        most=1,
    )
    return found[0] if found else None
