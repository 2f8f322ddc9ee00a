"""Writes the tables of `docs/search.md` from the code: `python tests/docs/search_document.py`.

The page itself is written by hand; between its markers stand tables that must not be wrong.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.hashing import Hasher
from hie.search import (
    arranged,
    criterion,
    execute,
    filter_grammar,
    full_text,
    include,
    parse,
)
from hie.search import context as searching
from hie.search.closed_codes import closed_codes
from hie.search.hashes import (
    code_alone,
    name_hash,
    resource_hash,
    system_alone,
    system_and_code,
)
from hie.search.index import extract
from hie.search.parameters import kept, parameters
from hie.search.params.kinds import KINDS
from hie.search.queryable import queryable
from hie.search.sorting import sortable

DOCUMENT = Path(__file__).parents[2] / "docs" / "search.md"
HASHER = Hasher(b"the key of the example in docs/search.md")
MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PREFIXED = {"date", "number", "quantity"}


def kinds() -> str:
    """Parameter types: how many there are, what can be asked, whether they give an order."""
    numbers = Counter(p.kind for t in RESOURCE_TYPES for p in queryable(t).values())
    lines = [
        "| type | on all types | modifiers, beside `:missing` | prefixes | `_sort` |",
        "|---|---|---|---|---|",
    ]
    for name, kind in KINDS.items():
        modifiers = sorted(kind.modifiers - set(RESOURCE_TYPES))
        shown = [f"`:{each}`" for each in modifiers]
        if kind.modifiers & set(RESOURCE_TYPES):
            shown.append("`:[type]`")
        example = next(p for t in RESOURCE_TYPES for p in queryable(t).values() if p.kind == name)
        order = sortable(example)
        where = "" if not order else "from the bodies" if kind.order is None else "from the index"
        closed = sum(
            bool(closed_codes(p, kept(t)[c]))
            for t in RESOURCE_TYPES
            for c, p in queryable(t).items()
            if p.kind == name
        )
        if closed:
            where = f"{closed} from the index, others {where}"
        prefixes = "`eq ne gt lt ge le sa eb ap`" if name in PREFIXED else ""
        called = f"{name} (`Location.near`)" if name == "special" else name
        lines.append(f"| {called} | {numbers[name]} | {' '.join(shown)} | {prefixes} | {where} |")
    return "\n".join(lines)


def limits() -> str:
    """What a search may cost, and what happens beyond."""
    rows = (
        ("parameters in a search", parse.MOST_PARAMETERS, "400"),
        ("values of one parameter", criterion.MOST_VALUES, "400"),
        ("nested chains and `_has`", criterion.DEEPEST, "400"),
        ("`_count`", parse.LARGEST_COUNT, f"is set to it; without, {parse.DEFAULT_COUNT}"),
        ("characters of `_filter`", filter_grammar.LONGEST, "400"),
        ("nested brackets in `_filter`", filter_grammar.DEEPEST, "400"),
        ("codes of a value set, texts with a beginning", searching.LARGEST_EXPANSION, "400"),
        ("resources that satisfy a chained condition, if they belong to patients",
         searching.LARGEST_EXPANSION, "400"),
        ("bodies read for `_text` or `_content`", full_text.MOST_READ, "400"),
        ("matches put in order by a reference, an address, or a token not in the index", arranged.MOST_ARRANGED, "400"),
        ("resources that come along on one page", execute.MOST_INCLUDED, "a next link"),
        ("resources read for the includes of one page", include.MOST_FOUND, "400"),
        ("steps of `:iterate`", include.DEEPEST, "no further step"),
    )  # fmt: skip
    lines = ["| what | limit | beyond it |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {most:,} | {then} |" for what, most, then in rows)])


def example() -> dict[str, Any]:
    """The resource on the page."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(r"```json\n(\{.*?\})\n```", text, re.DOTALL)
    assert found is not None
    resource: dict[str, Any] = orjson.loads(found[1])
    return resource


def tokens() -> str:
    """The token array of the example: each number with what it stands for."""
    resource = example()
    indexed = extract(resource, HASHER)
    coding = resource["code"]["coding"][0]
    subject = resource["subject"]["reference"]
    halves = {
        f"code `{coding['code']}`": ("code", HASHER(code_alone(coding["code"]))),
        f"code `{coding['system']}\\|`": ("code", HASHER(system_alone(coding["system"]))),
        f"code `{coding['system']}\\|{coding['code']}`": (
            "code",
            HASHER(system_and_code(coding["system"], coding["code"])),
        ),
        f"status `{resource['status']}`": ("status", HASHER(code_alone(resource["status"]))),
        f"subject `{subject}`": ("subject", resource_hash(HASHER, subject)),
    }
    lines = ["| asked | parameter's hash | xor value's hash | = token |", "|---|---|---|---|"]
    for asked, (code, half) in halves.items():
        [parameter] = kept("Observation")[code]
        name = name_hash(HASHER, parameter.index_name)
        assert name ^ half in indexed.tokens
        lines.append(f"| {asked} | `{_hex(name)}` | `{_hex(half)}` | `{_hex(name ^ half)}` |")
    lines.append("")
    lines.append(
        f"The array has {len(indexed.tokens)} numbers in all. The patient key of the row is the value's "
        f"hash of `{subject}`, `{_hex(resource_hash(HASHER, subject))}`."
    )
    return "\n".join(lines)


def rows() -> str:
    """The rows beside the resource row that the example has."""
    indexed = extract(example(), HASHER)
    names = {p.number: f"{p.code} = {p.number}" for p in parameters("Observation").values()}
    units = {word.hash: word.text.replace("\x1f", " ").strip() for word in indexed.words}
    lines = ["| table | parameter | row |", "|---|---|---|"]
    lines.append(
        f"| `store.resource` | date (primary) | `{indexed.date_low}` up to `{indexed.date_high}` |"
    )
    for s in indexed.strings:
        lines.append(f"| `search.string` | {names[s.parameter]} | `{s.value}` |")
    for d in indexed.dates:
        lines.append(f"| `search.date` | {names[d.parameter]} | `{d.low}` up to `{d.high}` |")
    for q in indexed.quantities:
        lines.append(
            f"| `search.quantity` | {names[q.parameter]} | {q.low} to {q.high}, "
            f"unit `{_hex(q.unit)}` = `{units[q.unit]}` |"
        )
    for c in indexed.composites:
        numbers = f"{c.low} to {c.high}, unit `{_hex(c.unit or 0)}`"
        lines.append(
            f"| `search.composite` | {names[c.parameter]} | {numbers}, {len(c.tokens)} tokens |"
        )
    for word in sorted(indexed.words):
        parameter = names.get(word.parameter, str(word.parameter))
        text = word.text.replace("\x1f", " ").strip()
        lines.append(f"| `search.vocabulary` | {parameter} | `{_hex(word.hash)}` = `{text}` |")
    return "\n".join(dict.fromkeys(lines))


def _hex(number: int) -> str:
    return f"{number & (2**64 - 1):016x}"


SECTIONS = {
    "kinds": kinds,
    "limits": limits,
    "tokens": tokens,
    "rows": rows,
}


def render() -> str:
    """The page with its tables as they must be."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return MARKED.sub(lambda found: f"{found[1]}{SECTIONS[found[2]]()}\n{found[3]}", text)


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
