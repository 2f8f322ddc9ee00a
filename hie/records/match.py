"""Conditional matches of the write door. https://hl7.org/fhir/R4/http.html#ccreate

A match sees what its caller may see and nothing else, so that it cannot serve as an oracle.
"""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.db import Connection
from hie.search.execute import execute
from hie.search.identified import Identified, identified, identifier_token
from hie.search.parameters import Parameter
from hie.search.parse import parse
from hie.search.permitted import permitted
from hie.search.queryable import queryable
from hie.search.restriction import Restriction
from hie.search.rewrite.own_addresses import own_addresses
from hie.search.sql import Sql
from hie.store.open import Store

LOCK = "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number ORDER BY number"
TRY_LOCK = "SELECT number, pg_try_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number"

Criteria = tuple[str, str]
"""A type, and what follows the question mark."""

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


class Matches:
    """What criteria match, as one caller sees it. Identifiers are looked up together, the rest is searched.

    References in criteria may be addresses below the server's own base.
    """

    def __init__(
        self, connection: Connection, store: Store, visible: Restriction, fhir_base: str
    ) -> None:
        self._connection = connection
        self._store = store
        self._visible = visible
        self.fhir_base = fhir_base
        self._known: dict[tuple[str, str], Identified] = {}

    def normal(self, type_name: str, query: str) -> str:
        """One text for all ways of writing the same criteria."""
        return normal(type_name, query, self.fhir_base)

    async def hold(self, asked: Collection[Criteria]) -> None:
        """Let nobody else decide whether anything matches these until the transaction ends."""
        questions = {self.normal(*one) for one in asked}
        if questions:
            numbers = sorted(question_number(self._store, each) for each in questions)
            await self._connection.execute(LOCK, (numbers,))
            await self.look_up(asked)

    async def look_up(self, asked: Collection[Criteria]) -> None:
        """Ask at once for all that are an identifier alone."""
        await look_up(self._connection, [(self, one) for one in asked])

    def token(self, criteria: Criteria) -> int | None:
        """The number of an identifier alone that has not been looked up yet."""
        if criteria in self._known or criteria[0] not in KNOWN_TYPES:
            return None
        return identifier_token(self._store.hasher, *criteria)

    def allowed(self, type_name: str) -> Sql:
        """What of the type the caller may see, as a condition on `r`."""
        return permitted(self._visible, type_name)

    def know(self, criteria: Criteria, found: Identified) -> None:
        """Remember what an identifier was found to be."""
        self._known[criteria] = found

    async def ids(
        self, type_name: str, query: str, expression: str | None, *, most: int
    ) -> list[str]:
        """The ids of what matches `query`; Problem 412 for more than `most` of them.

        Problem 400 if the query cannot be understood, has no criterion, or one without a value: a
        search leaves that out, but what is to be changed must not be found by less than was said.
        """
        known = self._known.get((type_name, query))
        if known is not None and known.matches <= 1:
            return [] if known.id is None else [known.id]
        tree = own_addresses(
            parse(type_name, [*_criteria(type_name, query, expression), ("_count", str(most + 1))]),
            self.fhir_base,
        )
        page = await execute(self._connection, self._store, tree, self._visible)
        if len(page.matches) > most:
            raise problem(
                412,
                "multiple-matches",
                f"'{type_name}?{query[:200]}' matches more than {most} resource(s)",
                f"“{type_name}?{query[:200]}”匹配到的资源多于 {most} 个",
                expression,
            )
        return [row.id for row in page.matches]

    async def id(self, type_name: str, query: str, expression: str | None) -> str | None:
        """The id of the only resource that matches, None if there is none; Problem as for `ids`."""
        found = await self.ids(type_name, query, expression, most=1)
        return found[0] if found else None


def question_number(store: Store, question: str) -> int:
    """The number under which a question (`Matches.normal`) is locked."""
    return store.hasher(f"match {question}")


async def free_questions(connection: Connection, numbers: Collection[int]) -> set[int]:
    """Which of these questions nobody else is deciding: they are held until the transaction ends."""
    if not numbers:
        return set()
    cursor = await connection.execute(TRY_LOCK, (sorted(numbers),))
    return {number for number, free in await cursor.fetchall() if free}


async def look_up(connection: Connection, asked: Collection[tuple[Matches, Criteria]]) -> None:
    """Look up the identifiers among the criteria: one statement for those who see the same of a type."""
    alike: dict[str, tuple[str, Sql, dict[int, list[tuple[Matches, Criteria]]]]] = {}
    for matches, criteria in asked:
        token = matches.token(criteria)
        if token is not None:
            allowed = matches.allowed(criteria[0])
            _, _, tokens = alike.setdefault(
                repr((criteria[0], allowed)), (criteria[0], allowed, {})
            )
            tokens.setdefault(token, []).append((matches, criteria))
    for type_name, allowed, tokens in alike.values():
        found = await identified(connection, type_name, list(tokens), allowed)
        for token, those in tokens.items():
            for matches, criteria in those:
                matches.know(criteria, found[token])


def _criteria(type_name: str, query: str, expression: str | None) -> list[tuple[str, str]]:
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
    return pairs
