"""What has an identifier, asked of many identifiers at once. https://hl7.org/fhir/R4/search.html#token

Criteria of conditional changes and conditional references are nearly always one identifier. A search
is planned for itself; these are looked up in the token index, all by one statement.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.search.hashes import name_hash
from hie.search.parameters import kept
from hie.search.params.token import halves, read_token
from hie.search.queryable import queryable
from hie.search.sql import Sql

# OFFSET 0 keeps the other conditions out of the look-up, which is by the token index whatever the
# planner expects of a token that it does not know.
_LOOK_UP = """
SELECT asked.token, min(r.id), count(*)
FROM unnest(%s::bigint[]) AS asked (token)
CROSS JOIN LATERAL (
    SELECT x.* FROM store.resource x WHERE x.tokens @> ARRAY[asked.token] OFFSET 0
) r
WHERE r.type = %s AND {allowed}
GROUP BY asked.token
"""


class Identified(NamedTuple):
    """The id of a resource that has an identifier, and how many have."""

    id: str | None
    matches: int


NOBODY = Identified(None, 0)


def identifier_token(hasher: Hasher, type_name: str, query: str) -> int | None:
    """The number that such a row has, if the criteria are one identifier with its system alone."""
    if "%5C" in query.upper() or "\\" in query:  # escaped separators
        return None
    match parse_qsl(query, keep_blank_values=True):
        case [("identifier", value)] if "," not in value and value.count("|") == 1:
            parameter = queryable(type_name).get("identifier")
            if parameter is None or parameter.kind != "token" or "" in value.split("|"):
                return None
            parts = kept(type_name)["identifier"]
            texts = halves(parameter, read_token(parameter, "", value))
            if len(parts) == len(texts) == 1:
                return name_hash(hasher, parts[0].index_name) ^ hasher(texts[0])
    return None


async def identified(
    connection: Connection, type_name: str, tokens: Sequence[int], allowed: Sql
) -> dict[int, Identified]:
    """By token, what of the type has it and satisfies `allowed`, the caller's restriction."""
    cursor = await connection.execute(
        _LOOK_UP.format(allowed=allowed.text),
        (list(tokens), type_number(type_name), *allowed.values),
    )
    found = {token: Identified(one, number) for token, one, number in await cursor.fetchall()}
    return {token: found.get(token, NOBODY) for token in tokens}
