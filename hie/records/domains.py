"""Identity domains that a search of Patients asks for: IHE PDQm, transaction ITI-78.

`identifier=[system]|` finds who has a number of that system, as in any search, and says besides that
no other domain's numbers are wanted in the answer.
https://profiles.ihe.net/ITI/PDQm/ITI-78.html#23784123-populating-which-domains-are-returned
"""

from collections.abc import Collection, Sequence

import orjson

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.errors import Issue, Text
from hie.fhir.subset import SUBSETTED
from hie.kit.db import Connection
from hie.mpi.features import HEALTH_CARD, HEALTH_FILE, INSURANCE, RESIDENT_NUMBER
from hie.records.exchange import Exchange
from hie.records.present import Present
from hie.search.escape import escape, split, unescape
from hie.search.execute import execute
from hie.search.parse import parse

NATIONAL = frozenset((RESIDENT_NUMBER, HEALTH_CARD, INSURANCE, HEALTH_FILE))


def domains_asked(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The domains that the parameters of a search of Patients name; none means all."""
    found: list[str] = []
    for name, value in pairs:
        if name == "identifier":
            parts = [split(token, "|") for token in split(value, ",")]
            if all(len(part) == 2 and part[0] and not part[1] for part in parts):
                found += [unescape(part[0]) for part in parts]
    return tuple(dict.fromkeys(found))


async def is_domain(connection: Connection, exchange: Exchange, system: str) -> bool:
    """Whether it is an assigning authority here: a national one, the exchange, or one in use."""
    if system in NATIONAL or system == exchange.settings.fhir_base:
        return True
    query = parse("Patient", [("identifier", f"{escape(system)}|"), ("_count", "1")])
    everything = restriction(Caller.operator(), "s")
    return bool((await execute(connection, exchange.store, query, everything)).matches)


async def unknown_domains(
    connection: Connection, exchange: Exchange, domains: Collection[str]
) -> list[Issue]:
    """A warning for each that is no domain here, worded as ITI-78 says (case 4)."""
    return [
        Issue(
            "not-found",
            Text("targetSystem not found", "targetSystem 未知"),
            "identifier",
            severity="warning",
        )
        for system in domains
        if not await is_domain(connection, exchange, system)
    ]


def within(present: Present, domains: Collection[str]) -> Present:
    """Shows Patients with identifiers of these domains only, marked where some are left out."""
    if not domains:
        return present

    def shown(type_name: str, body: bytes) -> bytes:
        body = present(type_name, body)
        if type_name != "Patient":
            return body
        patient = orjson.loads(body)
        identifiers = patient.get("identifier", [])
        kept = [one for one in identifiers if one.get("system") in domains]
        if len(kept) == len(identifiers):
            return body
        meta = patient.get("meta", {})
        tags = [*meta.get("tag", []), SUBSETTED]
        rest = {key: value for key, value in patient.items() if key != "identifier"}
        told = {"identifier": kept} if kept else {}
        return orjson.dumps({**rest, "meta": {**meta, "tag": tags}, **told})

    return shown
