"""`_text` and `_content`: words in the narrative, words anywhere in a resource.

https://hl7.org/fhir/R4/search.html#content

A search in words separated by spaces asks for all of them, one in quotation marks for a phrase, a comma
for either side. Words are compared without regard to case, accents and Chinese script, Chinese ones
anywhere in the text (there are no spaces to say where a word begins), others from their beginning.

There is no index of words. What else is asked and what the caller may see is found first, and the bodies
of that are read, up to a limit: docs/decisions/0020-search.md has the figures behind this.
"""

import re
import unicodedata
from asyncio import sleep
from collections.abc import Iterator
from typing import Any

import orjson

from hie.search.context import Context
from hie.search.escape import split, unescape
from hie.search.params.normal import has_han, simplified
from hie.search.problems import malformed, too_costly
from hie.search.query import FullText
from hie.search.sql import FALSE, Sql

MOST_READ = 20_000
"""Bodies that one search reads at most; about half a second of work."""
# How many are read before other requests of this process get a turn.
TURN = 100
MOST_WORDS = 20
NAMES = frozenset({"_text", "_content"})
_WORDS = re.compile(r'"([^"]*)"|(\S+)')
# Marks inside a word do not end it, all others do.
_INLINE = re.compile(r"</?(?:a|b|big|em|font|i|ins|s|small|span|strong|sub|sup|tt|u)\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")
_ENTITY = re.compile(r"&#?\w+;")
# In bytes: letters that may fold to ASCII ones (Chinese characters do not), escapes, and marks.
_UNSURE = re.compile(rb"[\xc0-\xe2\xea-\xff<]|\xe3[^\x80]|\\u")
_GAP = re.compile(r"[\W_]+")
# Not content but where it comes from and how it is written.
_LEFT_OUT = frozenset({"resourceType", "id", "meta", "reference", "div", "data", "url", "system"})

CANDIDATES = """
SELECT r.patient_key, r.key, r.dictionary, r.body FROM store.resource r WHERE {where} LIMIT %s
"""


def parse_full_text(name: str, value: str) -> FullText:
    """The node for `_text=…` or `_content=…`. Problem 400 if there is no word in it."""
    alternatives = []
    for piece in split(value, ","):
        phrases = [
            plain(quoted or word).strip() for quoted, word in _WORDS.findall(unescape(piece))
        ]
        words = tuple(phrase for phrase in phrases if phrase)
        if not 0 < len(words) <= MOST_WORDS:
            raise malformed(name, value, f'1 to {MOST_WORDS} words, "a phrase", or either,or')
        alternatives.append(words)
    return FullText(name, tuple(alternatives))


def plain(text: str) -> str:
    """A text as it is compared: folded, simplified, words set apart by single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", simplified(text))
        text = "".join(each for each in text if not unicodedata.combining(each))
    return _GAP.sub(" ", text.casefold())


def holds(node: FullText, text: str) -> bool:
    """Whether a plain text has what is asked."""
    spaced = f" {text} "
    return any(
        all((phrase if has_han(phrase) else f" {phrase}") in spaced for phrase in words)
        for words in node.alternatives
    )


def possible(node: FullText, body: bytes) -> bool:
    """Whether the bytes of a resource leave it open that it has the words: most can be told so."""
    if _UNSURE.search(body) is not None:
        return True
    lower = body.lower()
    return any(
        all(
            phrase.isascii() and all(word.encode() in lower for word in phrase.split())
            for phrase in words
        )
        for words in node.alternatives
    )


def narrative(resource: dict[str, Any]) -> str:
    """The text of the narrative without its marks. https://hl7.org/fhir/R4/narrative.html"""
    div = resource.get("text", {}).get("div", "")
    return _ENTITY.sub(" ", _TAG.sub(" ", _INLINE.sub("", div)))


def content(resource: dict[str, Any]) -> str:
    """Everything that a reader would call the content: texts, codes, names, numbers of identifiers."""
    return " \u241e ".join((narrative(resource), *_strings(resource)))


def _strings(element: Any) -> Iterator[str]:
    if isinstance(element, str):
        yield element
    elif isinstance(element, dict):
        for key, value in element.items():
            if key not in _LEFT_OUT:
                yield from _strings(value)
    elif isinstance(element, list):
        for each in element:
            yield from _strings(each)


async def matching(node: FullText, candidates: Sql, context: Context) -> Sql:
    """The condition for those of the candidates that have the words.

    `candidates` is the condition for all else that is asked, restriction included. Problem 400 if more
    than `MOST_READ` satisfy it.
    """
    cursor = await context.connection.execute(
        CANDIDATES.format(where=candidates.text), (*candidates.values, MOST_READ + 1)
    )
    rows = await cursor.fetchall()
    if len(rows) > MOST_READ:
        raise too_costly(
            f"{node.name}: more than {MOST_READ} resources would have to be read; narrow the search, "
            "for example to a patient, a code or a period",
            f"{node.name}：需要读取的资源超过 {MOST_READ} 个，请按患者、编码或时间等缩小范围",
        )
    read = narrative if node.name == "_text" else content
    found = []
    for number, (patient_key, key, dictionary, body) in enumerate(rows):
        text = context.store.bodies.expand(dictionary, body)
        if possible(node, text) and holds(node, plain(read(orjson.loads(text)))):
            found.append((patient_key, key))
        if number % TURN == TURN - 1:
            await sleep(0)
    if not found:
        return FALSE
    return Sql(
        "(r.patient_key, r.key) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))",
        ([patient_key for patient_key, _ in found], [key for _, key in found]),
    )
