"""URI parameters. https://hl7.org/fhir/R4/search.html#uri

An address is compared exactly, by its number in the token array. The vocabulary keeps the addresses
themselves, so that `:below` can find those that begin alike; `:above` computes the beginnings.
"""

from collections.abc import Sequence

from hie.fhir.search_params import Source, Visit
from hie.kit.hashing import Hasher
from hie.search.context import Context
from hie.search.escape import unescape
from hie.search.hashes import name_hash
from hie.search.indexed import Indexed, Word
from hie.search.parameters import Parameter
from hie.search.params.target import Target
from hie.search.params.token import has_token
from hie.search.problems import malformed
from hie.search.query import UriValue
from hie.search.sql import Sql

MODIFIERS = frozenset({"above", "below"})
_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid", "string"})


def visit(source: Source, targets: Sequence[Target], hasher: Hasher) -> Visit | None:
    """Extraction at one source for all parameters that read it; None for other datatypes."""
    if source.type not in _TYPES:
        return None
    bits = 0
    for target in targets:
        bits |= target.bit
    names = [
        (target.parameter.number, name_hash(hasher, target.parameter.index_name))
        for target in targets
    ]

    def uri(element: str, out: Indexed) -> None:
        out.present |= bits
        for address in forms(source.type, element):
            half = hasher(address)
            for number, name in names:
                out.tokens.append(name ^ half)
                out.words.append(Word(number, name ^ half, address))

    return uri


def forms(type_name: str, element: str) -> set[str]:
    """The address, and a canonical one also without its version."""
    return {element, element.partition("|")[0]} if type_name == "canonical" else {element}


def parse(parameter: Parameter, modifier: str, text: str) -> UriValue:
    """A value from its text. Raises Problem."""
    value = unescape(text)
    if not value or any(each.isspace() for each in value):
        raise malformed(parameter.code, text, "URI")
    return UriValue(value)


def beginnings(url: str) -> list[str]:
    """The address and every address above it: cut at each slash of its path."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return [url]
    parts = rest.split("/")
    return [f"{scheme}://{'/'.join(parts[:n])}" for n in range(1, len(parts) + 1)]


async def where(
    parameter: Parameter,
    modifier: str,
    values: Sequence[UriValue],
    parts: Sequence[Parameter],
    context: Context,
) -> Sql:
    """The condition on `r`."""
    hashes: set[int] = set()
    for value in values:
        for part in parts:
            if modifier == "below":
                hashes |= await context.words(part, value.url)
            else:
                urls = beginnings(value.url) if modifier == "above" else [value.url]
                hashes |= {context.name(part) ^ context.hasher(url) for url in urls}
    return has_token(hashes)
