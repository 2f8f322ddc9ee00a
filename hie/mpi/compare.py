"""How a registration and a person's known values compare: one named level for each field.

These levels are the one definition that training counts and scoring weighs. Each function is
symmetric; a person is compared by the best of its members' values, see `best`.
"""

from collections.abc import Iterable
from itertools import permutations

from rapidfuzz.distance import OSA

from hie.mpi import birth, contact
from hie.mpi.contact import Home
from hie.mpi.features import Features
from hie.mpi.names import WILD, Name
from hie.mpi.pinyin import is_pinyin

# Best first; `best` picks by this order, so that no model is needed to compare.
LEVELS: dict[str, tuple[str, ...]] = {
    "name": (
        "exact", "mother", "wild", "sound", "turned", "slip", "prefix", "initial", "similar", "given",
        "newborn", "family", "script", "missing", "different",
    ),
    "birth": (
        "exact", "swapped", "default", "calendar", "edit", "near", "lunar", "missing", "year", "different",
    ),
    "sex": ("same", "missing", "different"),
    "number": ("same", "slip", "claimed", "missing", "different"),
    "passport": ("same", "slip", "missing", "different"),
    "card": ("same", "missing", "different"),
    "other": ("same", "missing"),
    "home": (
        "both", "phone", "phone_moved", "door", "door_new", "slip", "place", "missing", "one", "neither",
    ),
}  # fmt: skip
_RANK = {
    field: {level: rank for rank, level in enumerate(order)} for field, order in LEVELS.items()
}

_HOMES = {
    ("same", "door"): "both",
    ("same", "place"): "phone",
    ("same", "missing"): "phone",
    ("same", "different"): "phone_moved",
    ("different", "door"): "door_new",
    ("slip", "door"): "door",
    ("missing", "door"): "door",
    ("missing", "missing"): "missing",
    ("different", "different"): "neither",
}

MOST_PARTS = 4
LONG_NAME = 5
"""Characters from which on a name is one that was put into Chinese by its sound."""

Levels = dict[str, str]


def best(field: str, levels: Iterable[str]) -> str:
    """The best of several levels of one field; "missing" when there is none."""
    return min(levels, key=_RANK[field].__getitem__, default="missing")


def name_level(left: Name, right: Name) -> str:
    """How two names compare."""
    kinds = {left.kind, right.kind}
    if "none" in kinds:
        return "missing"
    if "newborn" in kinds:
        return _newborn_level(left, right)
    if left.text == right.text:
        return "exact"
    if kinds == {"han", "latin"}:
        return _script_level(left, right) if left.kind == "han" else _script_level(right, left)
    return _latin_level(left, right) if left.kind == "latin" else _han_level(left, right)


def _newborn_level(left: Name, right: Name) -> str:
    if left.kind != right.kind:
        return "newborn"
    if not left.text or not right.text:
        return "newborn"
    if left.text == right.text or set(left.sounds) & set(right.sounds):
        return "mother"
    return "different"


def _script_level(han: Name, latin: Name) -> str:
    """How a Chinese name and one in letters compare: pinyin must spell it, a foreign name need not."""
    if _same_letters(han, latin):
        return "sound"
    return "different" if is_pinyin(latin.text) else "script"


def _same_letters(left: Name, right: Name) -> bool:
    """Whether one of the readings is written with the letters of the other, in any order of parts."""
    if left.letters == right.letters:
        return True
    lefts = {"".join(sorted(sound.replace(" ", ""))) for sound in left.sounds}
    return any("".join(sorted(sound.replace(" ", ""))) in lefts for sound in right.sounds)


def _han_level(left: Name, right: Name) -> str:
    if level := _respelt_level(left, right):
        return level
    if left.given and left.given == right.given:
        return "given"
    near = len(left.text) == len(right.text) == 3 and OSA.distance(left.text, right.text) == 1
    same_family = bool(left.family) and left.family == right.family
    if sorted(left.text) == sorted(right.text) or (same_family and near):
        return "similar"
    return "family" if same_family else "different"


def _respelt_level(left: Name, right: Name) -> str:
    """The level of two ways to write one name; "" when they are not."""
    one, two = left.text, right.text
    if _matches_wild(one, two) or _matches_wild(two, one):
        return "wild"
    if set(left.sounds) & set(right.sounds):
        return "sound"
    if len(one) > 2 and len(one) == len(two) and one in two * 2:
        return "turned"
    if min(len(one), len(two)) >= 4 and OSA.distance(one, two, score_cutoff=1) == 1:
        return "slip"
    if _transliterated(left, right):
        return "slip"
    return "prefix" if _shortened(*sorted((one, two), key=len)) else ""


def _transliterated(left: Name, right: Name) -> bool:
    """Whether two long names sound nearly alike: 艾合买提 and 艾海提 are one name in two spellings.

    Each clerk spells the names of minorities by ear; every sixth letter of the pinyin may differ.
    """
    if min(len(left.text), len(right.text)) < LONG_NAME:
        return False
    one, two = (name.sounds[0].replace(" ", "") for name in (left, right))
    most = max(len(one), len(two)) // 6
    return OSA.distance(one, two, score_cutoff=most) <= most


def _shortened(shorter: str, longer: str) -> bool:
    """Whether one character of the given name was left out, or a long name or its first part stands alone.

    王李芳 is 李芳 with her husband's name; 亚森 is how a clerk writes 亚森·库尔班.
    """
    if len(shorter) >= 2 and len(longer) - len(shorter) == 1:
        return shorter in (longer[:-1], longer[:1] + longer[2:]) or (
            len(shorter) == 3 and shorter == longer[1:]
        )
    return len(shorter) >= 2 and len(longer) >= 5 and longer.startswith(shorter)


def _matches_wild(pattern: str, text: str) -> bool:
    """Whether `pattern`, whose signs stand for one character each, can be `text`."""
    if len(pattern) != len(text) or not any(sign in pattern for sign in WILD):
        return False
    return all(a == b or a in WILD for a, b in zip(pattern, text, strict=True))


def _latin_level(left: Name, right: Name) -> str:
    if left.letters == right.letters:
        return "exact"
    ours, theirs = set(left.text.split()), set(right.text.split())
    fewer, more = sorted((ours, theirs), key=len)
    if len(fewer) >= 2 and fewer < more:
        return "prefix"
    if _mistyped(left, right):
        return "slip"
    if _initialled(ours, theirs):
        return "initial"
    return "family" if ours & theirs else "different"


def _mistyped(left: Name, right: Name) -> bool:
    """Whether one letter is wrong, in whichever order the parts are and even if nothing parts them."""
    if min(len(left.letters), len(right.letters)) < 6:
        return False
    return (
        OSA.distance(left.text, right.text, score_cutoff=1) == 1
        or OSA.distance(left.letters, right.letters, score_cutoff=1) == 1
        or _spelt_apart(left.text.split(), right.text.split())
    )


def _spelt_apart(ours: list[str], theirs: list[str]) -> bool:
    """Whether each part is one of the other's but for a letter, a long one for two: Dmitry, Dmitrii."""
    if len(ours) != len(theirs) or not 2 <= len(ours) <= MOST_PARTS:
        return False

    def near(one: str, two: str) -> bool:
        most = min(len(one) // 3, len(two) // 3, 2)
        return OSA.distance(one, two, score_cutoff=most) <= most

    return any(all(map(near, ours, order)) for order in permutations(theirs))


def _initialled(ours: set[str], theirs: set[str]) -> bool:
    """Whether every part that differs is the first letter of its counterpart: J Smith, John Smith."""
    shared = ours & theirs
    mine, others = sorted(ours - shared), sorted(theirs - shared)
    if not shared or not mine or len(mine) != len(others):
        return False
    return all(a[0] == b[0] and 1 in (len(a), len(b)) for a, b in zip(mine, others, strict=True))


def _is_mother_of(ours: tuple[Name, ...], theirs: tuple[Name, ...]) -> bool:
    """Whether one of `ours` is, and no other name says otherwise, whom the placeholder `theirs` names."""
    mothers = {name.text for name in theirs if name.kind == "newborn" and name.text}
    return (
        bool(mothers)
        and all(name.kind == "han" and name.text in mothers for name in ours)
        and bool(ours)
    )


def names_level(left: Features, right: Features) -> str:
    """The best over both sides' names; placeholders count only where nothing better is known."""
    ours, theirs = left.names, right.names
    if _is_mother_of(ours, theirs) or _is_mother_of(theirs, ours):
        return "family"
    for kind in ("real", "newborn"):
        mine = [n for n in ours if (n.kind != "newborn") == (kind == "real")]
        others = [n for n in theirs if (n.kind != "newborn") == (kind == "real")]
        if mine and others:
            level = best("name", (name_level(a, b) for a in mine for b in others))
            unsure = any(not n.sure for n in (*ours, *theirs))
            if not (unsure and level in ("family", "different")):
                return level
    return best("name", (name_level(a, b) for a in ours for b in theirs))


def birth_level(left: Features, right: Features) -> str:
    """The best over the written dates and those that trusted numbers imply."""
    return best("birth", (birth.level(a, b) for a in left.births for b in right.births))


def sex_of(features: Features) -> str:
    """The sex on record, or the one that a newborn's placeholder name says."""
    return features.sex or next((n.hint for n in features.names if n.hint and n.sure), "")


def number_level(left: Features, right: Features) -> str:
    if set(left.numbers) & set(right.numbers):
        return "same"
    claims = set(left.numbers) & set(right.foreign) or set(left.foreign) & set(right.numbers)
    if set(left.damaged) & set(right.damaged):
        return "slip"
    for damaged, sound in ((left.damaged, right.numbers), (right.damaged, left.numbers)):
        if any(OSA.distance(a, b, score_cutoff=1) <= 1 for a in damaged for b in sound):
            return "slip"
    if left.numbers and right.numbers:
        return "different"
    return "claimed" if claims else "missing"


def passport_level(left: Features, right: Features) -> str:
    if not left.passports or not right.passports:
        return "missing"
    if set(left.passports) & set(right.passports):
        return "same"
    near = any(
        OSA.distance(a, b, score_cutoff=1) <= 1 for a in left.passports for b in right.passports
    )
    return "slip" if near else "different"


def card_level(left: Features, right: Features) -> str:
    if set(left.cards) & set(right.cards):
        return "same"
    if left.is_newborn or right.is_newborn:
        return "missing"  # a ward writes down the mother's
    kinds = {card.split("|")[0] for card in left.cards} & {
        card.split("|")[0] for card in right.cards
    }
    return "different" if kinds else "missing"


def phone_level(left: tuple[str, ...], right: tuple[str, ...]) -> str:
    """same, slip (one digit or a neighbour swap), different or missing."""
    if not left or not right:
        return "missing"
    if set(left) & set(right):
        return "same"
    return (
        "slip"
        if any(OSA.distance(a, b, score_cutoff=1) <= 1 for a in left for b in right)
        else "different"
    )


def address_level(left: tuple[Home, ...], right: tuple[Home, ...]) -> str:
    """door, place, different or missing."""
    if not left or not right:
        return "missing"
    levels = {contact.home_level(a, b) for a in left for b in right}
    return next(level for level in ("door", "place", "different") if level in levels)


def home_level(left: Features, right: Features) -> str:
    """Phone and address as one comparison: families share both, so they are not two witnesses."""
    phone = phone_level(left.phones, right.phones)
    address = address_level(left.homes, right.homes)
    if set(left.foreign) & set(right.foreign):
        phone = "same"  # the same guardian's card stands on both
    if level := _HOMES.get((phone, address)):
        return level
    if phone == "slip":
        return "slip"
    return "place" if address == "place" else "one"


def compare(left: Features, right: Features) -> Levels:
    """The level of every field."""
    sexes = {sex_of(left), sex_of(right)}
    return {
        "name": names_level(left, right),
        "birth": birth_level(left, right),
        "sex": "missing" if "" in sexes else "same" if len(sexes) == 1 else "different",
        "number": number_level(left, right),
        "passport": passport_level(left, right),
        "card": card_level(left, right),
        "other": "same" if set(left.others) & set(right.others) else "missing",
        "home": home_level(left, right),
    }


def union(members: Iterable[Features]) -> Features:
    """What is known of a person: the values of all its members together."""
    fields: dict[str, list[object]] = {}
    sexes: dict[str, int] = {}
    order = ""
    for member in members:
        for key in ("names", "births", "numbers", "damaged", "foreign", "passports", "cards", "others",
                    "phones", "homes"):  # fmt: skip
            known = fields.setdefault(key, [])
            known += [value for value in getattr(member, key) if value not in known]
        if sex := sex_of(member):
            sexes[sex] = sexes.get(sex, 0) + 1
        order = order or member.order
    values = {key: tuple(known) for key, known in fields.items()}
    sex = max(sorted(sexes), key=sexes.__getitem__, default="")
    return Features(**values, sex=sex, order=order)  # type: ignore[arg-type]
