"""Sets of codes that searches name: `:in`, `:not-in`, `:above`, `:below`.

https://hl7.org/fhir/R4/search.html#token

ValueSet and CodeSystem resources of the exchange come first, as far as the caller may see them, then
those that R4 itself defines. Nothing is fetched from elsewhere.
"""

import orjson

from hie.errors import Problem
from hie.fhir.definitions import type_number
from hie.fhir.terminology import (
    CannotExpand,
    Codes,
    CodeSystem,
    Terms,
    ValueSet,
    expand,
    shipped_code_system,
    shipped_value_set,
)
from hie.fhir.terminology.code_system import read_code_system
from hie.fhir.terminology.value_set import read_value_set
from hie.search.context import Context
from hie.search.hashes import code_alone
from hie.search.parameters import kept
from hie.search.permitted import permitted
from hie.search.problems import refused
from hie.search.sql import Sql, all_of

BY_ADDRESS = """
SELECT r.dictionary, r.body FROM store.resource r WHERE {where} ORDER BY r.key DESC LIMIT 1
"""


def terms(context: Context) -> Terms:
    """Where this search finds definitions."""

    async def value_set(url: str) -> ValueSet | None:
        stored = await _stored(context, "ValueSet", url)
        return shipped_value_set(_bare(url)) if stored is None else read_value_set(stored)

    async def code_system(url: str) -> CodeSystem | None:
        stored = await _stored(context, "CodeSystem", url)
        return shipped_code_system(_bare(url)) if stored is None else read_code_system(stored)

    return Terms(value_set, code_system)


async def codes_in(name: str, address: str, context: Context) -> Codes:
    """The codes of the value set that a search parameter names. Problem 400 if they cannot be told."""
    found = terms(context)
    value_set = await found.value_set(address)
    if value_set is None:
        raise _unknown(name, address)
    try:
        return await expand(value_set, found)
    except CannotExpand as missing:
        raise _unknown(name, str(missing)) from None


async def related(name: str, modifier: str, system: str, code: str, context: Context) -> set[str]:
    """The code with those above or below it. Problem 400 if the code system is not here."""
    found = await terms(context).code_system(system)
    if found is None:
        raise _unknown(name, system)
    return set(found.above(code) if modifier == "above" else found.below(code))


def _bare(url: str) -> str:
    return url.partition("|")[0]


def _unknown(name: str, address: str) -> Problem:
    return refused(
        name,
        f"the codes of '{address[:200]}' are not known here; store the ValueSet and CodeSystem first",
        f"本平台没有“{address[:200]}”的编码，请先保存相应的 ValueSet 和 CodeSystem",
        "not-found",
    )


async def _stored(context: Context, type_name: str, url: str) -> dict[str, object] | None:
    """The newest resource of the type with the address: `url`, `url|version`, or `ValueSet/id`."""
    bare, _, version = url.partition("|")
    conditions = [Sql("r.type = %s", (type_number(type_name),))]
    conditions.append(permitted(context.restriction, type_name))
    if bare.startswith(f"{type_name}/"):
        conditions.append(Sql("r.id = %s", (bare.removeprefix(f"{type_name}/"),)))
    else:
        [address] = kept(type_name)["url"]
        tokens = [context.name(address) ^ context.hasher(bare)]
        if version:
            [stated] = kept(type_name)["version"]
            tokens.append(context.name(stated) ^ context.hasher(code_alone(version)))
        conditions.append(Sql("r.tokens @> %s::bigint[]", (tokens,)))
    where = all_of(conditions)
    cursor = await context.connection.execute(BY_ADDRESS.format(where=where.text), where.values)
    row = await cursor.fetchone()
    if row is None:
        return None
    resource: dict[str, object] = orjson.loads(context.store.bodies.expand(*row))
    return resource
