"""The persons that matter for the registrations at hand, and the rule that places one among them.

`link` fills a roster with what the database holds; training and tests fill one by hand. Placing is
the same in both, so the path that is measured is the path that runs.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from hie.mpi import compare, english
from hie.mpi.decide import MARGIN_BITS, Candidate, Decision, decide, guards
from hie.mpi.features import Features
from hie.mpi.model import Model
from hie.mpi.score import Surroundings, score

MOST_CANDIDATES = 60
GUARDS = {"chinese": guards, "english": english.guards, "encoded": guards}


@dataclass(slots=True)
class Member:
    """One registration, as far as placing needs it."""

    id: str
    person: str
    features: Features
    keys: tuple[int, ...]


@dataclass(slots=True)
class Roster:
    """Members by person and by block key; the largest blocks are named in `crowded` and not used."""

    model: Model
    around: Surroundings
    crowded: set[int] = field(default_factory=set)
    apart: dict[str, set[str]] = field(default_factory=dict)
    """Of a registration those that a steward has said are not the same person."""
    members: dict[str, Member] = field(default_factory=dict)
    by_person: dict[str, list[str]] = field(default_factory=dict)
    by_key: dict[int, set[str]] = field(default_factory=dict)
    known: dict[str, Features] = field(default_factory=dict)

    def add(self, member: Member) -> None:
        """Put a registration into its person."""
        self.remove(member.id)
        self.members[member.id] = member
        self.by_person.setdefault(member.person, []).append(member.id)
        for key in member.keys:
            self.by_key.setdefault(key, set()).add(member.id)
        self.known.pop(member.person, None)

    def remove(self, registration: str) -> None:
        """Take a registration out, if it is there."""
        member = self.members.pop(registration, None)
        if member is None:
            return
        self.by_person[member.person].remove(registration)
        for key in member.keys:
            self.by_key[key].discard(registration)
        self.known.pop(member.person, None)

    def absorb(self, person: str, gone: str) -> None:
        """Put all registrations of `gone` into `person`."""
        for id_ in list(self.by_person.get(gone, ())):
            member = self.members[id_]
            self.add(Member(id_, person, member.features, member.keys))

    def set_apart(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take note of registrations that a steward has said are not one person."""
        for one, two in pairs:
            self.apart.setdefault(one, set()).add(two)
            self.apart.setdefault(two, set()).add(one)

    def features_of(self, person: str) -> Features:
        """What all members of `person` together tell."""
        if person not in self.known:
            members = (self.members[id_].features for id_ in self.by_person.get(person, ()))
            self.known[person] = compare.union(members)
        return self.known[person]

    def persons_near(self, keys: Iterable[int]) -> list[str]:
        """The persons that share a block key, those that share most first."""
        shared: dict[str, int] = {}
        for key in keys:
            if key not in self.crowded:
                for person in {self.members[id_].person for id_ in self.by_key.get(key, ())}:
                    shared[person] = shared.get(person, 0) + 1
        return sorted(shared, key=lambda person: (-shared[person], person))[:MOST_CANDIDATES]

    def candidate(self, id_: str, features: Features, person: str) -> Candidate:
        """One person weighed against a registration, or against the person `id_`."""
        known = self.features_of(person)
        result = score(features, known, self.model, self.around)
        found: tuple[str, ...] = ()
        if self.model.guarded:
            found = GUARDS[self.model.comparisons](features, known, result.levels)
        return Candidate(
            person, known, result, found, self.is_apart(id_, person), self.model.certain_bits
        )

    def place(
        self,
        id_: str,
        features: Features,
        keys: Collection[int],
        *,
        besides: str = "",
        on_scored: Callable[[Candidate], None] | None = None,
    ) -> Decision:
        """Where the registration belongs; the person `besides` is left out of the comparison.

        Who fits two persons alike whom a steward has set apart is for a human to tell.
        """
        persons = (person for person in self.persons_near(keys) if person != besides)
        candidates = [self.candidate(id_, features, person) for person in persons]
        if on_scored:
            for candidate in candidates:
                on_scored(candidate)
        decision = decide(candidates)
        return self._undecided(decision) or decision

    def _undecided(self, decision: Decision) -> Decision | None:
        if decision.person is None or decision.score is None or not self.apart:
            return None
        least = decision.score.bits - MARGIN_BITS
        alike = tuple(one for one in decision.review if one.certain and one.score.bits > least)
        if any(self.is_apart(decision.person, rival.person) for rival in alike):
            return Decision(None, None, alike, "duplicate")
        return None

    def is_apart(self, one: str, two: str) -> bool:
        """Whether a steward has set apart these two, each a person or a registration.

        Who was joined by hand after that is one again.
        """
        member = self.members.get(one)
        if not self.apart or one == two or (member and member.person == two):
            return False
        others = self.by_person.get(two) or (two,)
        return any(
            not self.apart.get(own, set()).isdisjoint(others)
            for own in self.by_person.get(one) or (one,)
        )
