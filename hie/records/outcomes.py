"""What became of each entry, from the changes that they came to. https://hl7.org/fhir/R4/http.html#trules"""

from collections.abc import Sequence

import msgspec

from hie.kit.clock import now
from hie.records.change import Change
from hie.records.conditional import Decided
from hie.records.entry import Outcome, Prepared


def outcomes_of(
    prepared: Sequence[Prepared], decided: Decided, changes: Sequence[Change]
) -> list[Outcome]:
    """One outcome an entry. The changes of golden records come after those of the items."""
    by_entry: dict[int, list[Change]] = {}
    for item, change in zip(decided.items, changes, strict=False):
        by_entry.setdefault(item.number, []).append(change)
    outcomes: list[Outcome] = []
    for number, item in enumerate(prepared):
        first = decided.same.get(number)
        if first is not None:
            outcomes.append(msgspec.structs.replace(outcomes[first], status=200, changed=False))
            continue
        done = by_entry.get(number, [])
        if len(done) == 1:
            outcomes.append(_outcome(done[0]))
        else:
            outcomes.append(Outcome(204, item.entry.type, "", 0, now(), None, changed=bool(done)))
    return outcomes


def _outcome(change: Change) -> Outcome:
    return Outcome(
        status=change.status,
        type=change.type,
        id=change.id,
        version=change.version,
        last_updated=change.last_updated,
        body=change.body,
        changed=change.changed,
    )
