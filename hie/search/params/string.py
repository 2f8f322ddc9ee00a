"""String parameters: names, addresses and texts. https://hl7.org/fhir/R4/search.html#string

"By default, a field matches a string query if the value of the field equals or starts with the
supplied parameter value, after both have been normalized by case and accent."

Rows hold normalised text (`normal.py`); of Chinese names also the pinyin and its initials (`han.py`).
For `:exact` the hash of the untouched text is in the token array. Of `phonetic` rows hold sounds (`sound.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import unescape
from hie.search.hashes import SEPARATOR, name_hash
from hie.search.indexed import Indexed, StringRow
from hie.search.parameters import Parameter
from hie.search.params.han import combinations, readings
from hie.search.params.normal import has_han, normal
from hie.search.params.sound import PHONETIC, sounds
from hie.search.params.target import Target
from hie.search.params.token import has_token
from hie.search.problems import malformed
from hie.search.query import StringValue
from hie.search.sql import Sql, any_of

MODIFIERS = frozenset({"exact", "contains"})
INDEXED_PREFIX = 100
"""The index of `search.string` holds this many characters of a value."""

_ADDRESS = ("text", "city", "district", "state", "country", "postalCode")
_PLAIN = frozenset({"string", "markdown", "code", "id", "uri"})


def name_texts(name: dict[str, Any]) -> list[str]:
    """The parts of a HumanName as written, and the whole of a name sent in parts."""
    families = [name["family"]] if name.get("family") else []
    givens = [each for each in name.get("given", ()) if each]
    rest = [each for key in ("prefix", "suffix") for each in name.get(key, ()) if each]
    text = [name["text"]] if name.get("text") else []
    whole = combinations(families, ["".join(givens)]) if any(map(has_han, families)) else []
    return [*text, *whole, *families, *givens, *rest]


def address_texts(address: dict[str, Any]) -> list[str]:
    """The parts of an Address as written."""
    return [
        *(each for each in address.get("line", ()) if each),
        *(address[key] for key in _ADDRESS if address.get(key)),
    ]


def name_rows(name: dict[str, Any]) -> Iterator[str]:
    """Normalised texts of a HumanName with their readings."""
    surnames = {name.get("text"), name.get("family"), *name_texts(name)[:2]}
    for text in name_texts(name):
        yield normal(text)
        for reading in readings(text, text in surnames):
            yield from reading


def without_prefixes(values: set[str]) -> list[str]:
    """The values that do not begin another one: who finds those finds these."""
    kept: list[str] = []
    for value in sorted(values, reverse=True):
        if value and not (kept and kept[-1].startswith(value)):
            kept.append(value)
    return kept


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    sounding = [t.parameter.number for t in targets if t.parameter.code == PHONETIC]
    written = [t.parameter for t in targets if t.parameter.code != PHONETIC]
    exact = [name_hash(hasher, parameter.index_name, "exact") for parameter in written]
    numbers = [parameter.number for parameter in written]
    # `family` and `given` read parts of a name, whose readings matter as those of the whole
    part_of_name = {"family": True, "given": False}.get(
        getattr(source.operations[-1], "key", "") if source.operations else ""
    )

    def add(texts: Sequence[str], values: set[str], out: Indexed) -> None:
        out.present |= bits
        for text in texts:
            half = hasher(exact_text(text))
            out.tokens += [name ^ half for name in exact]
        for value in without_prefixes(values):
            out.strings += [StringRow(number, value) for number in numbers]
        if sounding:
            heard = sorted({key for text in texts for key in sounds(text)})
            out.strings += [StringRow(number, key) for number in sounding for key in heard]

    def human_name(element: dict[str, Any], out: Indexed) -> None:
        texts = name_texts(element)
        if texts:
            add(texts, set(name_rows(element)), out)

    def address(element: dict[str, Any], out: Indexed) -> None:
        texts = address_texts(element)
        if texts:
            add(texts, set(map(normal, texts)), out)

    def plain(element: str, out: Indexed) -> None:
        values = {normal(element)}
        if part_of_name is not None:
            values.update(text for each in readings(element, part_of_name) for text in each)
        add([element], values, out)

    visits: dict[str, Visit] = {"HumanName": human_name, "Address": address}
    return plain if source.type in _PLAIN else visits.get(source.type)


def exact_text(text: str) -> str:
    """What is hashed for `:exact`."""
    return f"{SEPARATOR}{text}"


def parse(parameter: Parameter, modifier: str, text: str) -> StringValue:
    """A value from its text. Raises Problem."""
    value = unescape(text)
    if not value.strip():
        raise malformed(parameter.code, text, "text")
    if parameter.code == PHONETIC and modifier:
        raise malformed(f"{PHONETIC}:{modifier}", modifier, "missing")
    return StringValue(value)


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[StringValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    if modifier == "exact":
        return has_token(
            {
                context.name(part, "exact") ^ context.hasher(exact_text(value.text))
                for value in values
                for part in parts
            }
        )
    if parameter.code == PHONETIC:
        heard = sorted({key for value in values for key in sounds(value.text)})
        conditions = Sql(f"left(s.value, {INDEXED_PREFIX}) = ANY(%s::text[])", (heard,))
    else:
        conditions = any_of(_COMPARISONS[modifier](value) for value in values)
    return Sql(
        "EXISTS (SELECT FROM search.string s WHERE s.patient_key = r.patient_key "
        f"AND s.key = r.key AND s.parameter = ANY(%s::smallint[]) AND {conditions.text})",
        ([part.number for part in parts], *conditions.values),
    )


def _starts(value: StringValue) -> Sql:
    text = normal(value.text)
    beginning = Sql(f"left(s.value, {INDEXED_PREFIX}) ^@ %s::text", (text[:INDEXED_PREFIX],))
    if len(text) <= INDEXED_PREFIX:
        return beginning
    return Sql(f"({beginning.text} AND s.value ^@ %s::text)", (*beginning.values, text))


def _contains(value: StringValue) -> Sql:
    return Sql("strpos(s.value, %s::text) > 0", (normal(value.text),))


def _equals(value: StringValue) -> Sql:
    text = normal(value.text)
    beginning = _starts(value)
    return Sql(f"({beginning.text} AND s.value = %s::text)", (*beginning.values, text))


def _ends(value: StringValue) -> Sql:
    text = normal(value.text)
    return Sql("right(s.value, %s) = %s::text", (len(text), text))


_COMPARISONS = {
    "": _starts,
    "contains": _contains,
    # of `_filter` only
    "equals": _equals,
    "ends": _ends,
}


def order(parameter: Parameter, parts: Sequence[Parameter], descending: bool) -> Sql:
    """The value by which rows are put in order: the first, or for descending order the last."""
    which = "max" if descending else "min"
    return Sql(
        f"(SELECT {which}(s.value) FROM search.string s WHERE s.patient_key = r.patient_key "
        "AND s.key = r.key AND s.parameter = ANY(%s::smallint[]))",
        ([part.number for part in parts],),
    )
