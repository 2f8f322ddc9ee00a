"""Searching one type, several, or a compartment. https://hl7.org/fhir/R4/search.html

parse → people (golden ids stand for all linked records) → restriction → execute → audit → Bundle.
"""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import Issue, Text
from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.fhir.outcome import operation_outcome
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.json import array_items, members
from hie.mpi.people import linked
from hie.records.bundle import Link, bundle, found, inside, with_parameters
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.domains import domains_asked, unknown_domains, within
from hie.records.exchange import Exchange
from hie.records.fetch import presentation
from hie.records.present import Present, partly
from hie.search.contained import place_in_container
from hie.search.definitions import follow
from hie.search.execute import Page, execute
from hie.search.parse import Compartment, parse
from hie.search.query import Query, applied_url
from hie.search.restriction import Restriction, condition
from hie.search.rewrite.own_addresses import own_addresses
from hie.search.rewrite.people import expand, patient_ids
from hie.store.read import Condition, Row, read

CURSOR = "_cursor"
PATIENT = type_number("Patient")


async def find(
    exchange: Exchange,
    caller: Caller,
    type_name: str,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    compartment: Compartment | None = None,
    language: str = "en",
    subset: Subset = WHOLE,
    contained: bool = False,
) -> bytes:
    """A searchset Bundle. `pairs` are the decoded parameters in the order given.

    `type_name` is `*` for all types that the caller may search and `_type` allows. With `contained`
    the search may be one on contained resources, whose matches can be of other types.
    Problem 403 without the scope; 400 for a parameter that is unknown or cannot be read, unless
    `lenient`, when it is left out of the search and of the self link, and an outcome in `language`
    says so.
    """
    database = exchange.store.database
    await follow(database)
    signed = next((value for name, value in pairs if name == CURSOR), None)
    query = parse(
        type_name,
        [pair for pair in pairs if pair[0] != CURSOR],
        lenient=lenient,
        compartment=compartment,
        contained=contained,
    )
    query = own_addresses(query, exchange.settings.fhir_base)
    query = _searchable(caller, query, listed=any(name == "_type" for name, _ in pairs))
    applied = with_parameters(applied_url(query), subset.parameters())
    cursor = verify(exchange.cursor_key, caller, applied, signed) if signed else None
    members = await linked(database, patient_ids(query))
    # What PDQm asks of searches of Patients beyond FHIR: domains, and always a total.
    patients = type_name == "Patient"
    domains = domains_asked(pairs) if patients else ()
    present = partly(within(await presentation(database, caller), domains), subset)
    async with database.connection() as connection:
        visible = restriction(caller, "s")
        page = await execute(connection, exchange.store, expand(query, members), visible, cursor)
        page.included = await _as_launch_patient(connection, caller, visible, page)
        issues = await unknown_domains(connection, exchange, domains)
        if patients and page.total is None and all(name != "_total" for name, _ in pairs):
            page.total = len(page.matches)
            if page.next is not None or cursor is not None:
                counted = replace(expand(query, members), count=0, total="estimate")
                page.total = (await execute(connection, exchange.store, counted, visible)).total
    base = exchange.settings.fhir_base
    here = f"{base}/{applied}"
    links = [Link("self", here)]
    if page.next is not None:
        token = sign(exchange.cursor_key, caller, applied, page.next)
        links.append(Link("next", with_parameters(here, [(CURSOR, token)])))
    entries = [
        *(_entry(exchange, present, row, "match") for row in page.matches),
        *(_entry(exchange, present, row, "include") for row in page.included),
    ]
    issues += [_ignored(name) for name in query.ignored]
    if issues:
        outcome = orjson.dumps(operation_outcome(issues, language))
        entries.append(b'{"resource":%s,"search":{"mode":"outcome"}}' % outcome)
    await disclosed(
        exchange,
        caller,
        "search-system" if query.type is None else "search-type",
        query.type,
        rows=[*page.matches, *page.included],
        query=applied,
    )
    return bundle("searchset", entries, links=links, total=page.total, moment=now())


async def _as_launch_patient(
    connection: Connection, caller: Caller, visible: Restriction, page: Page
) -> list[Row]:
    """The included rows, with the golden Patient in the place of its sources in a person's own context.

    References to those are shown as references to it, so this is what they point to.
    """
    if caller.patient is None or not page.included:
        return page.included
    sources = set((await linked(connection, [caller.patient])).get(caller.patient, ()))
    kept = [row for row in page.included if row.type != PATIENT or row.id not in sources]
    there = {row.id for row in (*page.matches, *kept) if row.type == PATIENT}
    if len(kept) < len(page.included) and caller.patient not in there:
        allowed = Condition(*condition(visible, "Patient"))
        golden = await read(connection, PATIENT, caller.patient, allowed)
        if golden is not None and golden.body is not None:
            kept.append(golden)
    return kept


def _searchable(caller: Caller, query: Query, *, listed: bool) -> Query:
    """The query on the types that the caller's scopes allow; Problem 403 if one was asked by name."""
    if query.type is not None or listed:
        for branch in query.branches:
            require(caller, "s", branch.type)
        return query
    allowed = tuple(branch for branch in query.branches if caller.permits("s", branch.type))
    if not allowed:
        require(caller, "s", query.branches[0].type)
    return replace(query, branches=allowed)


def _ignored(name: str) -> Issue:
    """What lenient handling left out. https://hl7.org/fhir/R4/search.html#errors"""
    return Issue(
        "not-supported",
        Text(
            f"The search parameter '{name}' was left out: it is unknown or cannot be read",
            f"检索参数“{name}”未被采用：参数未知或取值无法识别",
        ),
        name,
        severity="warning",
    )


def _entry(exchange: Exchange, present: Present, row: Row, mode: str) -> bytes:
    name = name_of(row.type)
    body = exchange.store.bodies.expand(row.dictionary, row.body or b"")
    number = place_in_container(row.key)
    if number is not None:
        container = members(body)
        around = f"{orjson.loads(container['resourceType'])}/{orjson.loads(container['id'])}"
        part = present(name, array_items(container["contained"])[number])
        return inside(exchange.settings.fhir_base, around, row.id, part, mode)
    return found(exchange.settings.fhir_base, name, row.id, present(name, body), mode)
