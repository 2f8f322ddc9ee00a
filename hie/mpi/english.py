"""Comparisons for names and addresses in English, for an index whose people write in Latin letters.

The other choice of `comparisons`. Given and family names apart (and changed places), Jaro–Winkler
for misspelling: Winkler, "String comparator metrics", 1990. Addresses as FHIR parts them:
https://hl7.org/fhir/R4/datatypes.html#Address
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rapidfuzz.distance import OSA, JaroWinkler

from hie.mpi import birth
from hie.mpi.contact import Home
from hie.mpi.features import Features, identifiers, items, text
from hie.mpi.names import Name

LEVELS: dict[str, tuple[str, ...]] = {
    "given": ("exact", "crossed", "close", "near", "missing", "different"),
    "family": ("exact", "crossed", "close", "near", "missing", "different"),
    "birth": ("exact", "swapped", "edit", "two", "missing", "year", "different"),
    "number": ("same", "slip", "missing", "different"),
    "house": ("same", "slip", "missing", "different"),
    "street": ("same", "close", "near", "missing", "different"),
    "suburb": ("same", "close", "near", "missing", "different"),
    "postcode": ("same", "slip", "missing", "different"),
}
_RANK = {
    field: {level: rank for rank, level in enumerate(order)} for field, order in LEVELS.items()
}
Levels = dict[str, str]


def of_patient(patient: Mapping[str, Any]) -> Features:
    """The features of a source Patient whose name and address come in parts. Never raises."""
    people = []
    for name in items(patient, "name"):
        given = " ".join(part for part in name.get("given") or [] if isinstance(part, str))
        people.append(_name(_plain(given), _plain(text(name.get("family")))))
    homes = []
    for address in items(patient, "address"):
        lines = [_plain(line) for line in address.get("line") or [] if isinstance(line, str)]
        house, _, street = (lines[0] if lines else "").partition(" ")
        if not house[:1].isdigit():
            house, street = "", " ".join(filter(None, (house, street)))
        homes.append(
            Home(street, house, _plain(text(address.get("city"))), _plain(text(address.get("postalCode"))))
        )  # fmt: skip
    born = birth.parse(text(patient.get("birthDate")))
    return Features(
        names=tuple(people[:4]),
        births=(born,) if born else (),
        sex={"male": "male", "female": "female"}.get(text(patient.get("gender")), ""),
        numbers=tuple(sorted({_plain(value) for _, _, value in identifiers(patient)} - {""})),
        homes=tuple(homes[:4]),
    )


def _plain(written: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in written.casefold()).split())


def _name(given: str, family: str) -> Name:
    return Name("latin", f"{given} {family}".strip(), family, given, (given,), family)


def compare(left: Features, right: Features) -> Levels:
    """The level of every field: the best over both sides' names and homes."""
    levels = {
        "given": _best("given", (_given(a, b) for a in left.names for b in right.names)),
        "family": _best("family", (_family(a, b) for a in left.names for b in right.names)),
        "birth": _best("birth", (_birth(a, b) for a in left.births for b in right.births)),
        "number": _best("number", (_slip(a, b) for a in left.numbers for b in right.numbers)),
    }
    pairs = [(a, b) for a in left.homes for b in right.homes]
    levels["house"] = _best("house", (_slip(a.number, b.number) for a, b in pairs))
    levels["street"] = _best("street", (_alike(a.road, b.road) for a, b in pairs))
    levels["suburb"] = _best("suburb", (_alike(a.community, b.community) for a, b in pairs))
    levels["postcode"] = _best("postcode", (_slip(a.door, b.door) for a, b in pairs))
    return levels


def _best(field: str, levels: Iterable[str]) -> str:
    return min(levels, key=_RANK[field].__getitem__, default="missing")


def _alike(one: str, two: str) -> str:
    if not one or not two:
        return "missing"
    if one == two:
        return "same"
    one, two = one.replace(" ", ""), two.replace(" ", "")
    likeness = JaroWinkler.similarity(one, two)
    return "close" if likeness >= 0.92 else "near" if likeness >= 0.8 else "different"


def _part(one: str, two: str, crossed: bool) -> str:
    level = _alike(one, two)
    if level == "same":
        return "exact"
    return "crossed" if crossed and level in ("near", "different") else level


def _crossed(left: Name, right: Name) -> bool:
    """Whether given and family name changed places."""
    return bool(left.given and right.given) and (
        _alike(left.given, right.family) in ("same", "close")
        and _alike(left.family, right.given) in ("same", "close")
    )


def _given(left: Name, right: Name) -> str:
    return _part(left.given, right.given, _crossed(left, right))


def _family(left: Name, right: Name) -> str:
    return _part(left.family, right.family, _crossed(left, right))


def _birth(one: str, two: str) -> str:
    if one == two:
        return "exact"
    if len(one) < 10 or len(two) < 10:
        return "missing"
    if one[:4] == two[:4] and one[5:7] == two[8:] and one[8:] == two[5:7]:
        return "swapped"
    edits = OSA.distance(one.replace("-", ""), two.replace("-", ""), score_cutoff=2)
    if edits <= 2:
        return ("edit", "two")[edits - 1]
    return "year" if one[:4] == two[:4] else "different"


def _slip(one: str, two: str) -> str:
    if not one or not two:
        return "missing"
    if one == two:
        return "same"
    return "slip" if OSA.distance(one, two, score_cutoff=1) == 1 else "different"


def shared(field: str, left: Features, right: Features) -> str:
    """The given or family name that both sides bear."""
    mine = {name.given if field == "given" else name.family for name in left.names}
    others = {name.given if field == "given" else name.family for name in right.names}
    return min((mine & others) - {""}, default="")


def guards(record: Features, known: Features, levels: Levels) -> tuple[str, ...]:  # noqa: ARG001 - the same shape as `decide.guards`
    """Twins: born together at one address under another given name."""
    twins = (
        levels["birth"] == "exact"
        and levels["given"] == "different"
        and levels["family"] in ("exact", "close")
        and levels["number"] != "same"
    )
    return ("twin",) if twins else ()


def texts(features: Features) -> Iterator[str]:
    """The block keys in words, each led by a letter for its kind."""
    for number in features.numbers:
        yield f"i|{number}"
    for born in features.births:
        yield f"b|{born}"
    for name in features.names:
        one, two = sorted((name.given, name.family))
        yield f"n|{one}|{two}"
        for home in features.homes:
            for part in (name.given, name.family):
                yield f"p|{part}|{home.door}"
                yield f"s|{part}|{home.community}"
                yield f"h|{part}|{home.number}"
    for home in features.homes:
        yield f"d|{home.number}|{home.door}"
        yield f"c|{home.number}|{home.community}"
        if road := home.road.replace(" ", ""):
            yield f"a|{home.number}|{road}"
            yield f"r|{road}|{home.door}"
            yield f"e|{home.number}|{road[:5]}"
