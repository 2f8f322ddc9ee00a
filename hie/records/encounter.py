"""All that belongs to one encounter. https://hl7.org/fhir/R4/encounter-operation-everything.html

The encounter's compartment as the standard defines it, and what it refers to: patient, people, places.
"""

from collections.abc import Sequence
from datetime import datetime

from hie.access.caller import Caller
from hie.access.policy import SHARED_TYPES, require, restriction
from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.records.bundle import Link, bundle, found, with_parameters
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.everything import references_to, referred_to
from hie.records.exchange import Exchange
from hie.records.fetch import missing, presentation
from hie.records.present import partly
from hie.search.compartment import members
from hie.search.execute import Page, execute
from hie.search.parse import EVERY_TYPE, LARGEST_COUNT, Compartment, parse
from hie.search.query import Query
from hie.search.restriction import condition
from hie.store.read import Condition, read

REFERRED = references_to({*SHARED_TYPES, "Patient", "EpisodeOfCare"})


async def encounter_everything(
    exchange: Exchange,
    caller: Caller,
    encounter: str,
    *,
    types: Sequence[str] | None = None,
    since: datetime | None = None,
    count: int | None = None,
    cursor: str | None = None,
    subset: Subset = WHOLE,
) -> bytes:
    """A searchset Bundle; in pages with a next link if `count` or the largest page is exceeded.

    Problem 403 without the scope, 404 if the encounter is not there to see.
    """
    require(caller, "r", "Encounter")
    store = exchange.store
    visible = restriction(caller, "r")
    parameters = [("_type", ",".join(types))] if types is not None else []
    if since is not None:
        parameters.append(("_since", since.isoformat()))
    if count is not None:
        parameters.append(("_count", str(count)))
    address = with_parameters(
        f"Encounter/{encounter}/$everything", [*parameters, *subset.parameters()]
    )
    place = verify(exchange.cursor_key, caller, address, cursor) if cursor else None
    present = partly(await presentation(store.database, caller), subset)
    async with store.database.connection() as connection:
        own = Condition(*condition(visible, "Encounter"))
        row = await read(connection, type_number("Encounter"), encounter, own)
        if row is None:
            raise missing("Encounter", encounter)
        page = Page([], [], None, None)
        query = _query(encounter, types, since, count)
        if query is not None:
            page = await execute(connection, store, query, visible, place)
        # Whom and where the encounter itself names belongs to it, whatever types are asked for.
        sources = [*page.matches, *([row] if place is None else [])]
        bodies = [store.bodies.expand(r.dictionary, r.body or b"") for r in sources]
        included = await referred_to(connection, visible, sources, bodies, types, REFERRED)
        if since is not None:
            included = [one for one in included if one.last_updated >= since]
    base = exchange.settings.fhir_base
    entries = [
        found(
            base,
            name_of(r.type),
            r.id,
            present(name_of(r.type), store.bodies.expand(r.dictionary, r.body or b"")),
            mode,
        )
        for mode, rows in (("match", page.matches), ("include", included))
        for r in rows
    ]
    links = [Link("self", f"{base}/{address}")]
    if page.next is not None:
        token = sign(exchange.cursor_key, caller, address, page.next)
        links.append(Link("next", with_parameters(f"{base}/{address}", [("_cursor", token)])))
    await disclosed(
        *(exchange, caller, "everything", "Encounter"),
        rows=[row, *page.matches, *included],
        logical_id=encounter,
    )
    return bundle("searchset", entries, links=links, moment=now())


def _query(
    encounter: str, types: Sequence[str] | None, since: datetime | None, count: int | None
) -> Query | None:
    """What is searched for in the compartment; None if it holds none of the types."""
    asked = []
    if types is not None:
        inside = [name for name in types if name in members("Encounter")]
        if not inside:
            return None
        asked.append(("_type", ",".join(inside)))
    if since is not None:
        asked.append(("_lastUpdated", f"ge{since.isoformat()}"))
    return parse(
        EVERY_TYPE,
        [*asked, ("_count", str(count or LARGEST_COUNT))],
        compartment=Compartment("Encounter", encounter),
    )
