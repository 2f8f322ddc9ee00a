"""The readings of Chinese characters in pinyin without tones: 中国 is zhong guo. GB/T 16159.

The readings are pypinyin's, from the two tables that come with it, and what is given here is letter by
letter what its `lazy_pinyin` gives: search indexes hold it. Its own form of the tables takes 60 MB of
each process; here they take three. They are read at the start, for an eighth of a second, so that no
request waits for them. https://pypinyin.readthedocs.io/
"""

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

# The blocks of Unicode that hold Chinese characters, as far as pypinyin takes them for such.
_HAN = re.compile(
    "([\u3007\ue815-\ue864\ufa18\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df"
    "\U0002a703-\U0002b73f\U0002b740-\U0002b81d\U0002b825-\U0002bf6e\U0002c029-\U0002ce93"
    "\U0002d016\U0002d11b-\U0002ebd9\U0002f80a-\U0002fa1f\U00030000-\U0003134a"
    "\U000300f7-\U00031288\U00030edd\U00030ede\U00031350-\U00032389]+)"
)
_TONES = re.compile("[\u0300\u0301\u0304\u030c]")
# The entries of the tables, which are JSON; read one by one, since the whole of them takes 40 MB.
_CHARACTER = re.compile(rb'"(\d+)"\s*:\s*"([^",]+)')
_PHRASE = re.compile(rb'"([^"]+)"\s*:\s*\[(\s*\[[^:]*\])\s*\]')
_FIRST = re.compile(rb'\[\s*"([^"]*)"')


class _Readings(NamedTuple):
    """`single`: by code point the number of a syllable in `syllables`, 0 for none. `phrases`: by its

    first character what follows it in each phrase that begins with it, between line breaks. `unlike`:
    the readings of those phrases whose characters read otherwise than by themselves.
    """

    syllables: tuple[str, ...]
    single: "array[int]"
    phrases: dict[str, str]
    unlike: dict[str, tuple[str, ...]]


def syllables(text: str) -> list[str]:
    """A syllable for each Chinese character that has a reading, ü as v; what stands between them as it is.

    The longest phrases that are known are found from the left, since 长 in 长安 reads otherwise than in
    生长; characters outside of phrases have their commonest reading.
    """
    if text.isascii():
        return [text] if text else []
    found: list[str] = []
    for number, part in enumerate(_HAN.split(text)):
        if number % 2:
            found += _of_han(part)
        elif part:
            found.append(part)
    return found


def _of_han(text: str) -> list[str]:
    found: list[str] = []
    for word in _words(text):
        found += _KNOWN.unlike.get(word) or [_of_character(each) for each in word]
    return found


def _of_character(character: str) -> str:
    code = ord(character)
    number = _KNOWN.single[code] if code < len(_KNOWN.single) else 0
    return _KNOWN.syllables[number] if number else character


def _words(text: str) -> Iterator[str]:
    """The phrases in the text and the characters between them.

    What is left at the end, begins a phrase and holds none that begins there with it is not looked
    through any further: so pypinyin does.
    """
    start = 0
    while start < len(text):
        group = _KNOWN.phrases.get(text[start], "")
        longest = start + 1
        for end in range(start + 2, len(text) + 1):
            begun = "\n" + text[start + 1 : end]
            if begun not in group:
                break
            if begun + "\n" in group:
                longest = end
        else:
            if longest == start + 1:
                yield from text[start:]
                return
        yield text[start:longest]
        start = longest


def _plain(reading: bytes) -> str:
    """A reading without its tone: zhōng is zhong, lǜ is lv."""
    bare = _TONES.sub("", unicodedata.normalize("NFD", reading.decode()))
    return unicodedata.normalize("NFC", bare).replace("ü", "v")


def _entries(table: str, form: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """What stands in a table of the package. To import the package would load it into memory."""
    package = find_spec("pypinyin")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pypinyin is not installed", name="pypinyin")
    with (
        Path(package.origin).with_name(table).open("rb") as file,
        mmap(file.fileno(), 0, access=ACCESS_READ) as text,
    ):
        yield from form.finditer(text)


def _read() -> _Readings:
    plain = cache(_plain)
    numbers = {"": 0}
    single = array("H")
    for entry in _entries("pinyin_dict.json", _CHARACTER):
        code = int(entry[1])
        if code >= len(single):
            single.frombytes(bytes(2 * (code + 4096 - len(single))))
        single[code] = numbers.setdefault(plain(entry[2]), len(numbers))
    names = tuple(numbers)
    alone = cache(lambda character: names[single[ord(character)]])
    phrases: dict[str, str] = {}
    unlike: dict[str, tuple[str, ...]] = {}
    for entry in _entries("phrases_dict.json", _PHRASE):
        phrase = entry[1].decode()
        first = phrase[0]
        phrases[first] = phrases.get(first, "\n") + phrase[1:] + "\n"
        readings = tuple(map(plain, _FIRST.findall(entry[2])))
        if readings != tuple(map(alone, phrase)):
            unlike[phrase] = readings
    return _Readings(names, single, phrases, unlike)


_KNOWN = _read()
