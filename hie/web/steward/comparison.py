"""Two sides or more, line by line: what each says, and where they differ, character by character."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from hie.errors import Text
from hie.web.record.coded import Resource
from hie.web.record.person import IDENTITY_CARD, name_of
from hie.web.steward.answers import Registration

Piece = tuple[str, bool]
"""Some characters, and whether the other side lacks them."""


@dataclass(frozen=True, slots=True)
class Said:
    """One value of a side, in pieces, and which institutions say so."""

    pieces: tuple[Piece, ...]
    institutions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What the sides say of one thing; `state` is same, different, or missing: not comparable.

    Different where any two are.
    """

    title: Text
    sides: tuple[tuple[Said, ...], ...]
    state: str


Value = tuple[str, str]
"""What kind it is (of numbers the system) and how it is written: only one kind is compared."""


def _one(value: object) -> list[Value]:
    return [("", str(value))] if value not in (None, "") else []


def _identifiers(patient: Resource, *, card: bool) -> list[Value]:
    return [
        (str(one.get("system", "")), str(one["value"]))
        for one in patient.get("identifier", ())
        if one.get("value") and (one.get("system") == IDENTITY_CARD) is card
    ]


def _phones(patient: Resource) -> list[Value]:
    return [("", str(one["value"])) for one in patient.get("telecom", ()) if one.get("value")]


def _addresses(patient: Resource) -> list[Value]:
    found = []
    for one in patient.get("address", ()):
        line = [one.get(part, "") for part in ("state", "city", "district")]
        found += _one(one.get("text") or "".join(map(str, [*line, *one.get("line", ())])))
    return found


def _sex(patient: Resource) -> list[Value]:
    return _one(patient.get("gender"))


SEXES = {
    "male": Text("Male", "男"),
    "female": Text("Female", "女"),
    "other": Text("Other", "其他"),
    "unknown": Text("Not stated", "未说明"),
}
ROWS: tuple[tuple[Text, Callable[[Resource], list[Value]]], ...] = (
    (Text("Name", "姓名"), lambda patient: _one(name_of(patient))),
    (Text("Sex", "性别"), _sex),
    (Text("Date of birth", "出生日期"), lambda patient: _one(patient.get("birthDate"))),
    (Text("ID card number", "身份证号"), lambda patient: _identifiers(patient, card=True)),
    (Text("Other numbers", "其他标识"), lambda patient: _identifiers(patient, card=False)),
    (Text("Phone", "电话"), _phones),
    (Text("Address", "住址"), _addresses),
)


def institutions(side: Iterable[Registration]) -> list[str]:
    """Who holds the registrations of a side, each once."""
    return list(dict.fromkeys(one.institution for one in side if one.institution))


def compared(sides: Sequence[Sequence[Registration]], language: str) -> list[Line]:
    """The lines that at least one side has something to say on."""
    lines = []
    for title, read in ROWS:
        given = [_values(side, read) for side in sides]
        if not any(given):
            continue
        said = [
            _said(
                ours,
                [value for other, theirs in enumerate(given) if other != place for value in theirs],
                language,
                several=len(institutions(sides[place])) > 1,
            )
            for place, ours in enumerate(given)
        ]
        states = {_state(set(one), set(two)) for one, two in combinations(given, 2)}
        state = next((each for each in ("different", "same") if each in states), "missing")
        lines.append(Line(title, tuple(said), state))
    return lines


def _state(ours: set[Value], theirs: set[Value]) -> str:
    if ours & theirs:
        return "same"
    comparable = {kind for kind, _ in ours} & {kind for kind, _ in theirs}
    return "different" if comparable else "missing"


def _values(
    side: Iterable[Registration], read: Callable[[Resource], list[Value]]
) -> dict[Value, list[str]]:
    """The different values of a side, and who says each."""
    found: dict[Value, list[str]] = {}
    for one in side:
        for value in read(one.patient):
            who = found.setdefault(value, [])
            if one.institution and one.institution not in who:
                who.append(one.institution)
    return found


def _said(
    ours: dict[Value, list[str]], theirs: Sequence[Value], language: str, *, several: bool
) -> tuple[Said, ...]:
    """The values of a side; who says each only where it is not the same for all."""
    found = []
    for (kind, written), who in ours.items():
        others = [other for theirs_kind, other in theirs if theirs_kind == kind]
        cut = (
            ((SEXES[written].in_language(language), written not in others and bool(others)),)
            if written in SEXES
            else pieces(written, others)
        )
        found.append(Said(cut, tuple(who) if several else ()))
    return tuple(found)


def pieces(value: str, others: Sequence[str]) -> tuple[Piece, ...]:
    """`value` cut where it differs from the most similar of `others`; whole if there is none."""
    if not others or value in others:
        return ((value, False),)
    matchers = [SequenceMatcher(None, value, other, autojunk=False) for other in others]
    closest = max(matchers, key=lambda matcher: matcher.ratio())
    return tuple(
        (value[start:end], operation != "equal")
        for operation, start, end, _, _ in closest.get_opcodes()
        if end > start
    )
