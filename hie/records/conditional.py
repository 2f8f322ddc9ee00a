"""Which resource each entry is about, when its sender gave criteria instead of an id.

Conditional create, update, patch and delete: https://hl7.org/fhir/R4/http.html#ccreate and
following. All entries are matched against the state before the first change, and the criteria are
locked until the transaction ends, so two senders who ask the same cannot both find nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from hie.errors import Issue, Problem, Text, problem
from hie.kit.ids import new_id
from hie.records.entry import Entry, Prepared
from hie.records.match import Criteria, Matches

MOST_DELETED = 500
"""A conditional delete of more resources than this is refused, whatever the setting."""


@dataclass(slots=True)
class Decided:
    """The entries with their ids. A conditional delete stands for as many items as it matched."""

    items: list[Prepared] = field(default_factory=list)
    existing: set[int] = field(default_factory=set)
    """Places in `items` of conditional creates that matched: nothing is to be written for them."""
    same: dict[int, int] = field(default_factory=dict)
    """Numbers of creates that an earlier entry with the same criteria carries out for both."""
    known: dict[str, str] = field(default_factory=dict)
    """Full URLs of entries that stand for a resource which another entry or nobody writes."""


def _criteria(entry: Entry) -> str | None:
    return entry.query if entry.query is not None else entry.if_none_exist


def criteria_of(prepared: Sequence[Prepared]) -> list[Criteria]:
    """What is asked to find out which resources the entries are about."""
    return [
        (item.entry.type, query)
        for item in prepared
        if (query := _criteria(item.entry)) is not None
    ]


async def decide(matches: Matches, prepared: Sequence[Prepared], *, most_deleted: int) -> Decided:
    """Give every entry its id. `most_deleted`: how many resources one conditional delete may meet.

    The entries' criteria (`criteria_of`) must be held.

    Problem 400 for bad criteria or an id that contradicts them, 404 for a patch of nothing, 412 for
    several matches.
    """
    decided = Decided()
    creating: dict[str, Prepared] = {}
    for number, item in enumerate(prepared):
        entry = item.entry
        item.number = number
        if entry.method == "DELETE" and entry.query is not None:
            found = await matches.ids(entry.type, entry.query, entry.expression, most=most_deleted)
            decided.items += [replace(item, id=logical_id) for logical_id in found]
            continue
        query = _criteria(entry)
        if query is None:
            item.id = entry.id or new_id()
        else:
            match = await matches.id(entry.type, query, entry.expression)
            if entry.method == "POST":
                first = creating.setdefault(matches.normal(entry.type, query), item)
                if match is None and first is not item:
                    decided.same[number] = first.number
                    if entry.full_url:
                        decided.known[entry.full_url] = f"{entry.type}/{first.id}"
                    continue
                if match is not None:
                    decided.existing.add(len(decided.items))
                    if entry.full_url:
                        decided.known[entry.full_url] = f"{entry.type}/{match}"
                item.id = match or new_id()
            else:
                item.id = _target(item, match)
        decided.items.append(item)
    _refuse_duplicates(decided)
    return decided


def _target(item: Prepared, match: str | None) -> str:
    """The id that a conditional update or patch is about."""
    entry = item.entry
    sent: str | None = item.resource.get("id") if entry.method == "PUT" else None
    if match is None and entry.method == "PATCH":
        raise problem(
            404,
            "not-found",
            f"'{entry.type}?{entry.query}' matches nothing that could be patched",
            f"“{entry.type}?{entry.query}”没有匹配到可修改的资源",
            entry.expression,
        )
    if match is not None and sent is not None and sent != match:
        raise problem(
            400,
            "invalid",
            f"The criteria match {entry.type}/{match}, but the resource has the id {sent}",
            f"条件匹配到 {entry.type}/{match}，但资源中的 id 为 {sent}",
            entry.expression,
        )
    return match or sent or new_id()


def _refuse_duplicates(decided: Decided) -> None:
    """No resource may be changed by two entries. https://hl7.org/fhir/R4/http.html#trules"""
    seen: dict[tuple[str, str], Prepared] = {}
    for place, item in enumerate(decided.items):
        if place in decided.existing:
            continue
        first = seen.setdefault((item.entry.type, item.id), item)
        if first is not item:
            raise _twice(first, item)


def _twice(first: Prepared, item: Prepared) -> Problem:
    places = sorted({first.entry.expression or "", item.entry.expression or ""})
    text = Text(
        f"{item.entry.type}/{item.id} occurs twice in one transaction",
        f"同一事务中 {item.entry.type}/{item.id} 出现了两次",
    )
    return Problem(400, [Issue("invalid", text, place or None) for place in places])
