"""Token parameters: codes, identifiers, contact points, booleans.

https://hl7.org/fhir/R4/search.html#token

Every form in which a token can be asked for is one number in the token array of the row. Texts for
`:text` are numbers too; which texts there are, the vocabulary knows. `:in`, `:above` and `:below` are
turned into the codes that they stand for when a search runs.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.concepts import codes_in, related
from hie.search.context import LARGEST_EXPANSION, Context
from hie.search.escape import split, unescape
from hie.search.hashes import (
    SEPARATOR,
    code_alone,
    code_without_system,
    name_hash,
    system_alone,
    system_and_code,
    token_texts,
)
from hie.search.indexed import Indexed, Word
from hie.search.parameters import Parameter, implied_codes
from hie.search.params.normal import normal
from hie.search.params.target import Target
from hie.search.problems import malformed, too_costly
from hie.search.query import TokenValue, UriValue
from hie.search.sql import Sql

MODIFIERS = frozenset({"not", "text", "of-type", "in", "not-in", "above", "below"})
HIERARCHY = frozenset({"above", "below"})
_CONTACT_NOISE = re.compile(r"[\s()-]")
SPECIAL_VALUES = frozenset(
    {
        "http://hl7.org/fhir/special-values",
        "http://terminology.hl7.org/CodeSystem/special-values",
    }
)
"""The implicit system of boolean values, as the page on searches and as the code system itself has it."""
_PLAIN = frozenset({"boolean", "code", "id", "string", "uri", "canonical", "url"})

Emit = Callable[[Indexed, str | None, str | None], None]


def contact(value: str) -> str:
    """A telephone number or address of electronic mail without the marks that people vary."""
    return _CONTACT_NOISE.sub("", value)


def is_contact(parameter: Parameter) -> bool:
    """Whether the parameter reads nothing but contact points."""
    return all(source.type == "ContactPoint" for source in parameter.sources)


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    bits = 0
    for target in targets:
        bits |= target.bit
    names = [name_hash(hasher, target.parameter.index_name) for target in targets]
    texts = [
        (target.parameter.number, name_hash(hasher, target.parameter.index_name, "text"))
        for target in targets
    ]
    type_names = [name_hash(hasher, target.parameter.index_name, "of-type") for target in targets]

    @lru_cache(maxsize=4096)
    def token(system: str | None, code: str | None) -> list[int]:
        halves = [hasher(text) for text in token_texts(system, code)]
        return [name ^ half for name in names for half in halves]

    @lru_cache(maxsize=4096)
    def words(display: str) -> tuple[list[int], list[Word]]:
        text = normal(display)
        half = hasher(text)
        found = [Word(number, name ^ half, text) for number, name in texts]
        return [word.hash for word in found], found

    def add_words(display: str, out: Indexed) -> None:
        tokens, found = words(display)
        out.tokens += tokens
        out.words += found

    def coding(element: dict[str, Any], out: Indexed) -> None:
        out.present |= bits
        out.tokens += token(element.get("system"), element.get("code"))
        display = element.get("display")
        if display:
            add_words(display, out)

    def codeable_concept(element: dict[str, Any], out: Indexed) -> None:
        out.present |= bits
        for each in element.get("coding", ()):
            coding(each, out)
        text = element.get("text")
        if text:
            add_words(text, out)

    def identifier(element: dict[str, Any], out: Indexed) -> None:
        out.present |= bits
        value = element.get("value")
        out.tokens += [
            name ^ hasher(text)
            for name in names
            for text in token_texts(element.get("system"), value)
        ]
        type_ = element.get("type")
        if type_:
            for each in type_.get("coding", ()):
                if value and "code" in each:
                    half = hasher(of_type_text(each.get("system", ""), each["code"], value))
                    out.tokens += [name ^ half for name in type_names]
            if type_.get("text"):
                add_words(type_["text"], out)

    def contact_point(element: dict[str, Any], out: Indexed) -> None:
        value = element.get("value")
        if value:
            out.present |= bits
            halves = [hasher(t) for t in token_texts(element.get("system"), contact(value))]
            out.tokens += [name ^ half for name in names for half in halves]

    def plain(element: str | bool, out: Indexed) -> None:
        out.present |= bits
        text = ("true" if element else "false") if isinstance(element, bool) else element
        half = hasher(code_alone(text))
        out.tokens += [name ^ half for name in names]

    visits: dict[str, Visit] = {
        "Coding": coding,
        "CodeableConcept": codeable_concept,
        "Identifier": identifier,
        "ContactPoint": contact_point,
    }
    return plain if source.type in _PLAIN else visits.get(source.type)


def of_type_text(system: str, type_code: str, value: str) -> str:
    """What is hashed for `:of-type`."""
    return SEPARATOR.join((system, type_code.casefold(), value.casefold()))


def parse(parameter: Parameter, modifier: str, text: str) -> TokenValue | UriValue:
    """A value from its text. Raises Problem."""
    if modifier == "in":
        address = unescape(text)
        if not address or any(each.isspace() for each in address):
            raise malformed(f"{parameter.code}:in", text, "the address of a ValueSet")
        return UriValue(address)
    token = read_token(parameter, modifier, text)
    if modifier in HIERARCHY and not (token.code and _system(parameter, token)):
        raise malformed(f"{parameter.code}:{modifier}", text, "system|code")
    return token


def _system(parameter: Parameter, value: TokenValue) -> str | None:
    """The value's system, or the one that the element implies."""
    if value.system or len(parameter.implied_systems) != 1:
        return value.system
    return next(iter(parameter.implied_systems))


def read_token(parameter: Parameter, modifier: str, text: str) -> TokenValue:
    """A token in one of the forms of the specification. Raises Problem."""
    if modifier == "text":
        if not unescape(text).strip():
            raise malformed(parameter.code, text, "text")
        return TokenValue(None, unescape(text))
    pieces = [unescape(piece) for piece in split(text, "|")]
    if modifier == "of-type":
        if len(pieces) != 3 or not all(pieces):
            raise malformed(parameter.code, text, "system|code|value")
        return TokenValue(None, pieces[2], (pieces[0], pieces[1]))
    if len(pieces) == 1 and pieces[0]:
        return TokenValue(None, pieces[0])
    if len(pieces) == 2 and any(pieces):
        return TokenValue(pieces[0], pieces[1] or None)
    raise malformed(parameter.code, text, "code, system|code, |code, system|")


def halves(parameter: Parameter, value: TokenValue) -> list[str]:
    """The texts whose hashes a row with this token has one of."""
    code = value.code and (contact(value.code) if is_contact(parameter) else value.code)
    if value.system is None:
        return [code_alone(code or "")]
    if not value.system:
        if all(source.type in _PLAIN for source in parameter.sources):
            return [code_alone(code or "")]
        return [code_without_system(code or "")]
    # "the system is implied" by the value set of a `code` element, and by a boolean
    implied: Iterable[str] = ()
    if value.system in parameter.implied_systems:
        implied = implied_codes(parameter, value.system)
    elif value.system in SPECIAL_VALUES and _is_boolean(parameter):
        implied = ("false", "true")
    if code is None:
        return [system_alone(value.system), *map(code_alone, implied)]
    found = [system_and_code(value.system, code)]
    return [*found, code_alone(code)] if implied else found


def _is_boolean(parameter: Parameter) -> bool:
    return all(source.type == "boolean" for source in parameter.sources)


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[TokenValue | UriValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`. `:not` and `:not-in` are negated by the caller."""
    hashes: set[int] = set()
    for value in values:
        if isinstance(value, UriValue):
            texts = await _in(parameter, value.url, context)
            hashes |= {context.name(part) ^ context.hasher(t) for t in texts for part in parts}
        elif modifier in HIERARCHY:
            system = _system(parameter, value) or ""
            name = f"{parameter.code}:{modifier}"
            codes = await related(name, modifier, system, value.code or "", context)
            hashes |= {
                context.name(part) ^ context.hasher(text)
                for code in codes
                for text in halves(parameter, TokenValue(system, code))
                for part in parts
            }
        elif modifier == "text":
            for part in parts:
                hashes |= await context.words(part, normal(value.code or ""))
        elif value.type:
            half = context.hasher(of_type_text(*value.type, value.code or ""))
            hashes |= {context.name(part, "of-type") ^ half for part in parts}
        else:
            hashes |= {
                context.name(part) ^ context.hasher(text)
                for text in halves(parameter, value)
                for part in parts
            }
    return has_token(hashes)


async def _in(parameter: Parameter, address: str, context: Context) -> set[str]:
    """The texts of all tokens in the value set."""
    name = f"{parameter.code}:in"
    texts: set[str] = set()
    for system, codes in (await codes_in(name, address, context)).items():
        listed: Iterable[str | None] = [None] if codes is None else codes
        if codes is None and system in parameter.implied_systems:
            # elements that say no system are known by their codes only
            listed = [None, *implied_codes(parameter, system)]
        for code in listed:
            texts.update(halves(parameter, TokenValue(system, code)))
    if len(texts) > LARGEST_EXPANSION:
        raise too_costly(
            f"Search parameter '{name}': the value set has more than {LARGEST_EXPANSION} codes",
            f"检索参数“{name}”：值集的编码超过 {LARGEST_EXPANSION} 个",
        )
    return texts


def has_token(hashes: set[int]) -> Sql:
    """The row has one of the numbers in its token array."""
    if len(hashes) == 1:
        return Sql("r.tokens @> %s::bigint[]", (list(hashes),))
    return Sql("r.tokens && %s::bigint[]", (sorted(hashes),))
