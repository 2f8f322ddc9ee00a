"""Random searches, and for each the resources that it must find: the oracle's questions.

Hypothesis makes every choice (`Draw`); a criterion knows how it is asked and for which resources it holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from hypothesis import strategies as st
from oracle_world import (
    PARAMETERS,
    TYPES,
    Resource,
    World,
    codings,
    compare_date,
    compare_number,
    displays,
    follow,
    patient_of,
    place,
    range_of,
    words_of,
)

from hie.fhir.ucum import factor_between
from hie.search.params.normal import normal
from hie.search.parse import Compartment
from hie.search.restriction import EVERYTHING, Restriction, Rule
from hie.search.sql import Sql
from hie.store.open import Store

PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
T = TypeVar("T")
Holds = Callable[[Resource], bool]


@lru_cache(maxsize=4096)
def _numbers(below: int) -> st.SearchStrategy[int]:
    return st.integers(0, below - 1)


class Draw:
    """Choices made by Hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int], world: World) -> None:
        self.number = lambda below: draw(_numbers(below))
        self.world = world

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def one_in(self, number: int) -> bool:
        return self.number(number) == 0


@dataclass(frozen=True)
class Criterion:
    """`name=text`, and for which resources it holds; `filter` says the same as a part of `_filter`."""

    name: str
    text: str
    holds: Holds
    filter: str | None = None


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace(",", r"\,").replace("$", r"\$").replace("|", r"\|")


def read(resource: Resource, code: str) -> list[Any]:
    return PARAMETERS[resource["resourceType"]][code].elements(resource)


def _token(draw: Draw, type_name_: str, code: str) -> Criterion:
    values = [c for e in draw.world.values(type_name_, code) for c in codings(e) if c[1]]
    system, sought = draw.pick(sorted(set(values), key=str) or [("urn:x", "none")])
    assert sought is not None
    form = draw.pick(("code", "both", "system", "none", "upper", "two", ":text", ":missing"))
    if form == ":missing":
        wanted = draw.one_in(2)
        return Criterion(
            f"{code}:missing", str(wanted).lower(), lambda r: (not read(r, code)) == wanted,
            f"{code} pr {str(not wanted).lower()}",
        )  # fmt: skip
    if form == ":text":
        texts = [t for e in draw.world.values(type_name_, code) for t in displays(e)]
        text = draw.pick(sorted(set(texts)) or ["none"])
        start = text[: draw.number(len(text)) + 1]
        folded = normal(start)
        if not start.strip() or not folded:
            start, folded = text, normal(text)
        return Criterion(
            f"{code}:text",
            _escaped(start),
            lambda r: any(normal(t).startswith(folded) for e in read(r, code) for t in displays(e)),
        )
    tests: list[Callable[[str | None, str | None], bool]] = [lambda s, c: c == sought]
    text = _escaped(sought)
    if form == "upper":
        text = text.upper()
    elif form == "two":
        other = draw.pick(sorted(set(values), key=str) or [("urn:x", "none")])[1]
        tests.append(lambda s, c: c == other)
        text = f"{text},{_escaped(other or 'none')}"
    elif form == "none":
        tests = [lambda s, c: s is None and c == sought]
        text = f"|{text}"
    elif system is not None and form == "both":
        tests = [lambda s, c: (s, c) == (system, sought)]
        text = f"{_escaped(system)}|{text}"
    elif system is not None and form == "system":
        tests = [lambda s, c: s == system]
        text = f"{_escaped(system)}|"
    negated = draw.one_in(4)

    def holds(resource: Resource) -> bool:
        found = any(
            test(*each) for e in read(resource, code) for each in codings(e) for test in tests
        )
        return found != negated

    plain = form in ("code", "both") and not negated and not set(text) & set('\\")] ')
    as_filter = f"{code} eq {text}" if plain else None
    return Criterion(code + (":not" if negated else ""), text, holds, as_filter)


def _reference(draw: Draw, type_name_: str, code: str) -> Criterion:
    known = sorted(set(draw.world.values(type_name_, code))) or ["Patient/none"]
    chosen = [draw.pick(known) for _ in range(draw.number(2) + 1)]
    form = draw.number(4)
    text = ",".join(each.partition("/")[2] if form == 0 else each for each in chosen)
    name = (
        f"{code}:{PARAMETERS[type_name_][code].target}" if form == 1 and code != "patient" else code
    )
    if form == 2:
        return Criterion(f"{code}:missing", "true", lambda r: not read(r, code), f"{code} pr false")
    return Criterion(
        name,
        text,
        lambda r: any(value in chosen for value in read(r, code)),
        f"{code} re {chosen[0]}" if len(chosen) == 1 else None,
    )


def _date(draw: Draw, type_name_: str, code: str) -> Criterion:
    known = [v["start"] if isinstance(v, dict) else v for v in draw.world.values(type_name_, code)]
    moment = draw.pick(known or ["2015-01-01"])
    text = moment[: draw.pick((4, 7, 10, 99))]
    prefix = draw.pick(PREFIXES)
    limits = range_of(text)
    assert limits is not None
    test = compare_date(prefix, *limits)

    def holds(resource: Resource) -> bool:
        ranges = [range_of(value) for value in read(resource, code)]
        return any(test(*each) for each in ranges if each is not None)

    return Criterion(code, prefix + text, holds, f"{code} {prefix or 'eq'} {text}")


def _string(draw: Draw, type_name_: str, code: str) -> Criterion:
    value = draw.pick(sorted(set(draw.world.values(type_name_, code))))
    cut = draw.number(len(value)) + 1
    modifier = draw.pick(("", ":exact", ":contains", "eq", "ew"))
    piece = {"": value[:cut], ":contains": value[max(0, cut - 2) : cut], "ew": value[-cut:]}.get(
        modifier, value if cut % 2 else value[:cut]
    )
    sought = normal(piece)
    if not sought or not piece.strip():
        piece, sought = value, normal(value)

    def test(text: str) -> bool:
        folded = normal(text)
        return {
            "": folded.startswith(sought),
            ":exact": text == piece,
            ":contains": sought in folded,
            "eq": folded == sought,
            "ew": folded.endswith(sought),
        }[modifier]

    quoted = piece.replace("\\", "\\\\").replace('"', '\\"')
    operation = {"": "sw", ":contains": "co", "eq": "eq", "ew": "ew"}.get(modifier)
    as_filter = f'{code} {operation} "{quoted}"' if operation else None
    own: Holds = lambda r: any(map(test, read(r, code)))  # noqa: E731
    if modifier in ("eq", "ew"):
        assert as_filter is not None
        return Criterion("_filter", as_filter, own, as_filter)
    return Criterion(code + modifier, _escaped(piece), own, as_filter)


def _amount(draw: Draw, elements: list[Any]) -> tuple[str, Callable[[Any], bool]]:
    """The text of a quantity near one that is there, and the test for it."""
    known = {(str(each["value"]), each["system"], each["code"]) for each in elements}
    sent, system, code = draw.pick(sorted(known))
    digits = draw.number(4)
    number = Decimal(sent).quantize(Decimal(1).scaleb(-digits))
    prefix = draw.pick(PREFIXES)
    unit = draw.one_in(2)
    test = compare_number(prefix, number, Decimal(5).scaleb(-digits - 1))

    def holds(element: Any) -> bool:
        value = Decimal(str(element["value"]))
        if unit:
            factor = factor_between(element["code"], code) if element["system"] == system else None
            return factor is not None and test(value * factor)
        return test(value)

    return f"{prefix}{number}" + (f"|{system}|{code}" if unit else ""), holds


def _quantity(draw: Draw, type_name_: str, code: str) -> Criterion:
    text, holds = _amount(draw, draw.world.values(type_name_, code))
    prefix = text[:2] if text[:2].isalpha() else ""
    # a value in quotation marks may have any characters
    as_filter = f'{code} {prefix or "eq"} "{text.removeprefix(prefix)}"'
    return Criterion(
        code, text.replace("$", r"\$"), lambda r: any(map(holds, read(r, code))), as_filter
    )


def _composite(draw: Draw, type_name_: str, code: str) -> Criterion:
    """A code and an amount of one element: of the resource itself, or of a component."""

    def elements(resource: Resource) -> list[Any]:
        found = follow(resource, "component") if code.startswith("component") else [resource]
        return [each for each in found if "valueQuantity" in each]

    known = [e for r in draw.world.by_type[type_name_] for e in elements(r)]
    element = draw.pick(known)
    [(system, sought), *_] = codings(element["code"])
    text, amount = _amount(draw, [e["valueQuantity"] for e in known])

    def holds(resource: Resource) -> bool:
        return any(
            (system, sought) in codings(each["code"]) and amount(each["valueQuantity"])
            for each in elements(resource)
        )

    return Criterion(code, f"{system}|{sought}${text}", holds)


MAKERS: dict[str, Callable[[Draw, str, str], Criterion]] = {
    "token": _token,
    "reference": _reference,
    "date": _date,
    "string": _string,
    "quantity": _quantity,
    "composite": _composite,
}


def plain(draw: Draw, type_name_: str, codes: Sequence[str] | None = None) -> Criterion:
    """A criterion on an element of the type; `codes`: on one of these parameters."""
    code = draw.pick(codes or list(PARAMETERS[type_name_]))
    return MAKERS[PARAMETERS[type_name_][code].kind](draw, type_name_, code)


def criterion(draw: Draw, type_name_: str, sees: Holds, depth: int = 0) -> Criterion:
    """Any criterion, also on what the resource points to and on what points to it."""
    kind = draw.number(8) if depth < 3 else 7
    references = [c for c, p in PARAMETERS[type_name_].items() if p.kind == "reference"]
    world = draw.world
    if kind == 0 and references:
        code = draw.pick(references)
        target = PARAMETERS[type_name_][code].target
        inner = criterion(draw, target, sees, depth + 1)
        if inner.name != "_filter":
            step = code if code == "patient" else f"{code}:{target}"

            def chained(resource: Resource) -> bool:
                there = [world.by_place.get(each) for each in read(resource, code)]
                return any(e is not None and sees(e) and inner.holds(e) for e in there)

            return Criterion(f"{step}.{inner.name}", inner.text, chained)
    if kind == 1:
        pointing = [
            (source, code)
            for source in TYPES
            for code, p in PARAMETERS[source].items()
            if p.kind == "reference" and p.target == type_name_
        ]
        if pointing:
            source, code = draw.pick(pointing)
            inner = criterion(draw, source, sees, depth + 1)
            if inner.name != "_filter":

                def has(resource: Resource) -> bool:
                    there = world.pointing.get((place(resource), source, code), ())
                    return any(sees(each) and inner.holds(each) for each in there)

                return Criterion(f"_has:{source}:{code}:{inner.name}", inner.text, has)
    if kind == 2:
        name = draw.pick(sorted(world.lists))
        return Criterion("_list", name, lambda r: place(r) in world.lists[name])
    if kind == 3 and world.by_type[type_name_]:
        words = sorted(w for w in words_of(draw.pick(world.by_type[type_name_])) if w)
        word = draw.pick(words or ["none"])
        start = word[: draw.number(len(word)) + 1]
        return Criterion(
            "_content", start, lambda r: any(each.startswith(start) for each in words_of(r))
        )
    if kind == 4:
        ids = {draw.pick(world.by_type[type_name_])["id"] for _ in range(3)}
        return Criterion("_id", ",".join(sorted(ids)), lambda r: r["id"] in ids)
    return plain(draw, type_name_)


def joined(draw: Draw, type_name_: str) -> Criterion:
    """Several criteria as one `_filter`, from left to right."""
    found = [c for c in (plain(draw, type_name_) for _ in range(3)) if c.filter is not None]
    if not found:
        return plain(draw, type_name_)
    text, holds = f"{found[0].filter}", found[0].holds
    for each in found[1:]:
        operation = draw.pick(("and", "or"))
        part = f"not ({each.filter})" if draw.one_in(3) else f"({each.filter})"
        text, holds = f"{text} {operation} {part}", _joined(holds, each.holds, operation, part)
    return Criterion("_filter", text, holds)


def _joined(left: Holds, right: Holds, operation: str, part: str) -> Holds:
    negated = part.startswith("not")
    if operation == "and":
        return lambda r: left(r) and right(r) != negated
    return lambda r: left(r) or right(r) != negated


@dataclass(frozen=True)
class Asked:
    """One search, and what it must answer."""

    path: str
    compartment: Compartment | None
    pairs: tuple[tuple[str, str], ...]
    restriction: Restriction
    sees: Holds
    holds: Holds
    sort: tuple[str, ...]
    includes: tuple[tuple[str, str, str], ...]
    """(parameter, type, code)"""
    count: int


def sight(draw: Draw, store: Store) -> tuple[Restriction, Holds]:
    """Everything, the records of some patients with what is shared, or some types alone."""
    form = draw.number(4)
    if form == 0:
        patients = {place(draw.pick(draw.world.by_type["Patient"])) for _ in range(2)}
        keys = [store.hasher(each) for each in sorted(patients)]
        shared = frozenset({"Organization", "Practitioner", "List"})
        rules = (
            Rule(patients=Sql("SELECT unnest(%s::bigint[])", (keys,))),
            Rule(types=shared),
        )
        return Restriction(
            rules
        ), lambda r: r["resourceType"] in shared or patient_of(r) in patients
    if form == 1:
        types = frozenset({draw.pick(TYPES) for _ in range(5)} | {"List"})
        return Restriction((Rule(types=types),)), lambda r: r["resourceType"] in types
    return EVERYTHING, lambda r: True


def search_of(draw: Draw, store: Store) -> Asked:
    restriction, sees = sight(draw, store)
    form = draw.number(8)
    compartment = None
    if form == 0:  # several types
        types = sorted({draw.pick(TYPES) for _ in range(3)})
        common = [
            code
            for code, parameter in PARAMETERS[types[0]].items()
            if all(
                code in PARAMETERS[t] and PARAMETERS[t][code].kind == parameter.kind for t in types
            )
        ]
        criteria = [plain(draw, types[0], common)] if common and draw.one_in(2) else []
        if draw.one_in(4):
            ids = {draw.pick(draw.world.resources)["id"] for _ in range(9)}
            criteria.append(Criterion("_id", ",".join(sorted(ids)), lambda r: r["id"] in ids))
        sorts = common
    else:
        types = [draw.pick(TYPES)]
        criteria = [criterion(draw, types[0], sees) for _ in range(draw.number(3) + 1)]
        if draw.one_in(4):
            criteria.append(joined(draw, types[0]))
        sorts = list(PARAMETERS[types[0]])
    path = types[0] if len(types) == 1 and form else "*"
    pairs = [(each.name, each.text) for each in criteria]
    tests = [each.holds for each in criteria]
    if path == "*":
        pairs.append(("_type", ",".join(types)))
    if form == 1 and types[0] not in ("Organization", "Practitioner"):
        patient = draw.pick(draw.world.by_type["Patient"])
        compartment = Compartment("Patient", patient["id"])
        tests.append(lambda r: patient_of(r) == place(patient))
    sort: list[str] = []
    if draw.one_in(2):
        kinds = {c: PARAMETERS[types[0]][c].kind for c in sorts}
        codes = ["_id", *(c for c in sorts if kinds[c] != "composite")]
        chosen = dict.fromkeys(draw.pick(codes) for _ in range(draw.number(2) + 1))
        sort = [f"-{code}" if draw.one_in(2) else code for code in chosen]
        pairs.append(("_sort", ",".join(sort)))
    includes = []
    if draw.one_in(3):
        includes = [_include(draw, types[0]) for _ in range(draw.number(2) + 1)]
        pairs += [(name, f"{source}:{code}") for name, source, code in includes if code]
    count = draw.pick((3, 20, 1000))
    pairs.append(("_count", str(count)))

    def holds(resource: Resource) -> bool:
        return (
            resource["resourceType"] in types
            and sees(resource)
            and all(test(resource) for test in tests)
        )

    return Asked(
        *(path, compartment, tuple(pairs), restriction, sees, holds, tuple(sort)),
        tuple(each for each in includes if each[2]),
        count,
    )


def _include(draw: Draw, type_name_: str) -> tuple[str, str, str]:
    iterate = ":iterate" if draw.one_in(3) else ""
    if draw.one_in(2):
        codes = [c for c, p in PARAMETERS[type_name_].items() if p.kind == "reference"]
        return (f"_include{iterate}", type_name_, draw.pick(codes) if codes else "")
    pointing = [
        (source, code)
        for source in TYPES
        for code, p in PARAMETERS[source].items()
        if p.kind == "reference" and p.target == type_name_
    ]
    source, code = draw.pick(pointing) if pointing else ("", "")
    return (f"_revinclude{iterate}", source, code)
