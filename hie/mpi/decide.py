"""What to do with a registration, given its scores against the candidate persons.

Certain at eight bits (odds of 256 to 1) with no guard; where two persons are certain the better one
is taken and the pair goes to review, never bridged; a human looks at what is between; otherwise it is
a new person. A wrong merge is worse than a missed one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hie.mpi import birth
from hie.mpi.compare import Levels, compare
from hie.mpi.features import Features
from hie.mpi.score import Score

CERTAIN_BITS = 8.0
REVIEW_BITS = 3.0
MARGIN_BITS = 3.0
GENERATION = 14
"""Years between the births of a parent and a child, at the least."""
CENTURY = 100
"""What a slip of the century makes of an age."""
_DATED = re.compile(r"\d{4}-").match
Grade = Literal["certain", "probable", "possible", "certainly-not"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person, what is known of it, how the registration scores against it, and the objections."""

    person: str
    known: Features
    score: Score
    guards: tuple[str, ...]
    apart: bool = False
    certain_bits: float = CERTAIN_BITS

    @property
    def certain(self) -> bool:
        """Whether the evidence alone would link."""
        return not self.guards and not self.apart and (
            self.score.bits >= self.certain_bits
            or newborn_rule(self.score.levels)
            or alias_rule(self.score.levels)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """`person` to link to (None: a new person) and what a human should look at, best first."""

    person: str | None
    score: Score | None
    review: tuple[Candidate, ...] = ()
    reason: str = ""
    absorbed: Candidate | None = None
    """A newborn without a name who turns out to be `person`, and so becomes one with it."""


_SAME_CHILD_HOME = ("both", "phone", "phone_moved", "door", "door_new", "slip")


def newborn_rule(levels: Levels) -> bool:
    """A newborn's placeholder and a named child: same birth date, sex and home, and no number apart.

    Only a twin could be meant instead; twins carry a birth order, which is a guard.
    """
    return (
        levels.get("name") in ("newborn", "mother")
        and levels["birth"] == "exact"
        and levels["sex"] != "different"
        and levels["home"] in _SAME_CHILD_HOME
    )


def alias_rule(levels: Levels) -> bool:
    """A foreigner's own name and the Chinese one: same birth date, sex and home.

    Nobody else of a household is born on the same day but a twin, whose names are in one script.
    """
    return (
        levels.get("name") == "script"
        and levels["birth"] == "exact"
        and levels["sex"] == "same"
        and levels["home"] in ("both", "phone", "phone_moved")
    )


def guards(record: Features, known: Features, levels: Levels) -> tuple[str, ...]:
    """The objections that keep a pair from being linked without a human, by name."""
    found = []
    proven = "same" in (levels["number"], levels["passport"], levels["card"])
    if levels["number"] == "different":
        found.append("numbers")
    if not proven and (_siblings(levels) or _half_named(record, known, levels)):
        found.append("twin")
    if levels["card"] == "different" and levels["number"] != "same" and _child_or_twin(levels):
        found.append("cards")
    if _orders(record, known):
        found.append("order")
    if levels["name"] in ("different", "family", "given") and levels["birth"] in (
        "different",
        "year",
    ):
        found.append("stranger")
    if _generations(record, known):
        found.append("generation")
    if not proven and _elsewhere(levels):
        found.append("elsewhere")
    if levels["sex"] == "different" and not _sex_mistyped(levels):
        found.append("sex")
    if not proven and (
        _doubtful_newborn(record, known, levels) or _other_cards(record, known, levels)
    ):
        found.append("newborn")
    return tuple(found)


def _elsewhere(levels: Levels) -> bool:
    """Whether home and birth date both differ, so that the name alone would make them one.

    A name that is rare in a table may be common in a village, and 1 January is everybody's birthday.
    """
    return levels["home"] in ("neither", "one") and levels["birth"] in (
        "default", "edit", "near", "lunar", "year", "different",
    )  # fmt: skip


def _sex_mistyped(levels: Levels) -> bool:
    """Whether name or card say that a sex was typed wrongly rather than that these are two people."""
    if levels["name"] == "exact" or levels["number"] == "same":
        return True
    alike = levels["name"] in ("sound", "wild", "slip", "turned", "prefix")
    return alike and "same" in (levels["card"], levels["passport"])


def _doubtful_newborn(record: Features, known: Features, levels: Levels) -> bool:
    """A mother's name tells her children apart only by the exact day, and twins not even by that."""
    placeholders = [any(n.kind == "newborn" for n in side.names) for side in (record, known)]
    if levels["name"] == "newborn" or (levels["name"] == "mother" and all(placeholders)):
        apart = ("door_new", "neither") if all(placeholders) else ("neither",)
        return levels["birth"] != "exact" or levels["home"] in apart
    if levels["name"] == "exact" and all(placeholders):
        return levels["birth"] != "exact"  # 王浩子 is his name, or what her sons are called
    return False


def _other_cards(record: Features, known: Features, levels: Levels) -> bool:
    """Whether placeholder and child bear different cards: a twin's, if it is not the mother's."""
    if levels["name"] not in ("newborn", "mother"):
        return False
    kinds = [{card.split("|")[0] for card in side.cards} for side in (record, known)]
    return bool(kinds[0] & kinds[1])


def _generations(record: Features, known: Features) -> bool:
    """Whether the birth dates that were written down lie a generation apart, and not by a slip.

    A parent's card on a child's registration implies the parent's date, which then agrees exactly;
    where a son bears his father's name, nothing else would tell them apart.
    """
    written = [side.births[0] for side in (record, known) if side.births and _DATED(side.births[0])]
    if len(written) < 2:
        return False
    years = abs(int(written[0][:4]) - int(written[1][:4]))
    return years >= GENERATION and years != CENTURY and not birth.agrees(*written)


def _half_named(record: Features, known: Features, levels: Levels) -> bool:
    """Whether one of a household lacks the middle of the other's name: 袁帆 and 袁俊帆 are rather twins.

    What is left out by mistake is the end, as a rule.
    """
    if (levels["name"], levels["birth"]) != ("prefix", "exact"):
        return False
    texts = [{name.text for name in side.names} for side in (record, known)]
    halves = [{name[0] + name[2:] for name in side if len(name) == len("袁俊帆")} for side in texts]
    return bool(halves[0] & texts[1] or halves[1] & texts[0]) and levels["home"] in _SAME_CHILD_HOME


def _siblings(levels: Levels) -> bool:
    """Born together, named alike: twins until something that only one of them bears says otherwise."""
    return levels["birth"] in ("exact", "near") and levels.get("name") in (
        "similar", "family", "given", "different",
    )  # fmt: skip


def _namesake(candidate: Candidate) -> bool:
    """Whether the name is this person's although the number is not: twins whose cards were mixed up."""
    levels = candidate.score.levels
    return "numbers" in candidate.guards and (levels["name"], levels["birth"]) == ("exact", "exact")


def _child_or_twin(levels: Levels) -> bool:
    return levels["name"] in (
        "newborn",
        "mother",
        "similar",
        "prefix",
        "family",
        "given",
        "different",
    )


def _orders(record: Features, known: Features) -> bool:
    """Different birth orders; or one known and the other's name a real one, which carries none."""
    if record.order and known.order:
        return record.order != known.order
    order_known = record.order or known.order
    return (
        bool(order_known) and record.is_newborn != known.is_newborn and _only_newborn(record, known)
    )


def _only_newborn(record: Features, known: Features) -> bool:
    """Whether one side is a placeholder and the other knows none that could agree with it."""
    if known.is_newborn:
        return not record.is_newborn
    return record.is_newborn and not any(name.kind == "newborn" for name in known.names)


def decide(candidates: Sequence[Candidate]) -> Decision:
    """Link, new person, or either with a review. `candidates` in any order; ties are broken by id."""
    ranked = sorted(candidates, key=lambda c: (-c.score.bits, c.person))
    certain = [candidate for candidate in ranked if candidate.certain]
    interesting = tuple(c for c in ranked if c.certain or _worth_a_look(c))
    if not certain:
        return Decision(None, None, interesting[:5], "possible" if interesting else "")
    first = certain[0]
    if _siblings(first.score.levels) and any(map(_namesake, ranked)):
        return Decision(None, None, interesting[:5], "twins")
    rivals = [c for c in certain[1:] if c.score.bits > first.score.bits - MARGIN_BITS]
    if rivals and newborn_rule(first.score.levels) and first.score.levels["name"] != "mother":
        return Decision(None, None, tuple(certain[:5]), "twins")
    if len(certain) == 2 and (named := _named_newborn(certain[0], certain[1])):
        child, placeholder = named
        return Decision(child.person, child.score, absorbed=placeholder)
    if len(certain) > 1:
        return Decision(first.person, first.score, tuple(certain[:5]), "duplicate")
    return Decision(first.person, first.score)


def _named_newborn(one: Candidate, two: Candidate) -> tuple[Candidate, Candidate] | None:
    """The child and the placeholder, where the new registration shows that they are one child.

    A ward's placeholder is a person only until the child has a name. This is the one case in which
    two persons become one without a human, and the event is undone like any merge.
    """
    if one.known.is_newborn == two.known.is_newborn:
        return None
    child, placeholder = (two, one) if one.known.is_newborn else (one, two)
    levels = compare(child.known, placeholder.known)
    one_child = (
        levels["name"] in ("newborn", "mother")
        and levels["birth"] == "exact"
        and levels["sex"] != "different"
        and not set(guards(child.known, placeholder.known, levels)) - {"newborn"}
    )
    return (child, placeholder) if one_child else None


def _worth_a_look(candidate: Candidate) -> bool:
    """Whether a human should see a pair that is not linked."""
    if candidate.apart:
        return False
    hard = {"numbers", "order", "sex", "cards"} & set(candidate.guards)
    levels = candidate.score.levels
    if hard:
        same = levels.get("name") in ("exact", "sound", "wild") and levels["birth"] == "exact"
        return same and candidate.score.bits >= REVIEW_BITS
    return candidate.score.bits >= REVIEW_BITS


def grade(candidate: Candidate) -> Grade:
    """The grade of a `$match` answer. http://hl7.org/fhir/R4/valueset-match-grade.html"""
    if candidate.certain:
        return "certain"
    if candidate.score.bits >= CERTAIN_BITS / 2 and not candidate.guards:
        return "probable"
    return "possible" if candidate.score.bits >= 0 and not candidate.apart else "certainly-not"


__all__ = ["Candidate", "Decision", "decide", "grade", "guards", "newborn_rule"]
