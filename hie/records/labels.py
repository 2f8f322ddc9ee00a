"""The profiles, tags and security labels in use. https://hl7.org/fhir/R4/resource-operation-meta.html

Only of resources that the caller may see. Nothing keeps a list of them, so every resource is looked
at, and beyond a number of resources the answer is refused instead of being late or incomplete.
"""

from asyncio import sleep
from typing import Any

import msgspec

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.search.restriction import condition
from hie.store.labels import some
from hie.store.read import Condition

MOST = 20_000
# How many are looked at before other requests of this process get a turn.
TURN = 200


class _Meta(msgspec.Struct):
    profile: list[str] = []
    security: list[dict[str, Any]] = []
    tag: list[dict[str, Any]] = []


class _Body(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


_decoder = msgspec.json.Decoder(_Body)


async def labels_in_use(
    exchange: Exchange, caller: Caller, type_name: str | None
) -> dict[str, list[Any]]:
    """The sets of a Meta, each without repetition, over one type or all.

    Problem 403 without the scope to search, 422 if there are too many resources to look at.
    """
    if type_name is not None:
        require(caller, "s", type_name)
    elif not any(caller.permits("s", name) for name in RESOURCE_TYPES):
        require(caller, "s", RESOURCE_TYPES[0])
    allowed = Condition(*condition(restriction(caller, "s"), type_name))
    number = None if type_name is None else type_number(type_name)
    async with exchange.store.database.connection() as connection:
        rows = await some(connection, number, allowed, limit=MOST + 1)
    if len(rows) > MOST:
        raise problem(
            422,
            "too-costly",
            f"More than {MOST} resources would have to be looked at; ask for one type or resource",
            f"需要查看的资源超过 {MOST} 个，请限定到某一类型或某一资源",
        )
    profiles: dict[str, None] = {}
    codings: dict[str, dict[tuple[Any, Any], dict[str, Any]]] = {"security": {}, "tag": {}}
    for place, row in enumerate(rows):
        meta = _decoder.decode(exchange.store.bodies.expand(row.dictionary, row.body or b"")).meta
        profiles |= dict.fromkeys(meta.profile)
        for name, found in (("security", meta.security), ("tag", meta.tag)):
            for coding in found:
                codings[name].setdefault((coding.get("system"), coding.get("code")), coding)
        if place % TURN == TURN - 1:
            await sleep(0)
    await disclosed(exchange, caller, "meta", type_name, rows=[], query=f"{type_name or ''}/$meta")
    found_sets: dict[str, list[Any]] = {
        "profile": sorted(profiles),
        **{name: [each[key] for key in sorted(each, key=str)] for name, each in codings.items()},
    }
    return {name: items for name, items in found_sets.items() if items}
