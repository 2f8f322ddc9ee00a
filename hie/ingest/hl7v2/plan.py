"""What a whole message says, as drafts."""

from dataclasses import dataclass, field

from hie.ingest.hl7v2.draft import Draft
from hie.ingest.hl7v2.fault import UnmappableError


@dataclass(slots=True)
class Plan:
    """What a message says: drafts in an order in which each only refers to those before it."""

    patient: str
    """The id of the (first) patient it is about."""
    drafts: list[Draft]


@dataclass(slots=True)
class Collected:
    """Drafts without repetition: the same doctor signs many results."""

    drafts: list[Draft] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def add(self, *drafts: Draft) -> None:
        """Append those whose resource is not there yet."""
        for draft in drafts:
            key = f"{draft.resource['resourceType']}/{draft.resource['id']}"
            if key not in self._known:
                self._known.add(key)
                self.drafts.append(draft)


def missing_segment(name: str) -> UnmappableError:
    """The error for a message without a segment that it needs."""
    return UnmappableError(name, f"The message has no {name} segment.", f"消息缺少 {name} 段。")
