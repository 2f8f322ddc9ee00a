"""Names as they sound, for `phonetic`: 张伟 is found by 章伟, by `zhangwei` and by `zangwei`, Smith by Smyth.

https://hl7.org/fhir/R4/patient.html#search — "A portion of either family or given name using some kind
of phonetic matching algorithm". Chinese is compared by its pinyin without what many speakers do not tell
apart: retroflex and plain sibilants (zh z, ch c, sh s), n and l, final n and ng (GB/T 16159 has them as
different). Words in Latin letters are compared by Metaphone.
"""

import re
from functools import lru_cache

import jellyfish

from hie.search.params.han import readings
from hie.search.params.normal import has_han, normal

PHONETIC = "phonetic"
"""The code of the parameters that are indexed so."""
_ALIKE = (
    (re.compile("([zcs])h"), r"\1"),
    (re.compile("n"), "l"),
    (re.compile("l+g(?![aeiouv])"), "l"),
)
_WORD = re.compile(r"[a-z]+")


@lru_cache(maxsize=16384)
def sounds(text: str) -> frozenset[str]:
    """The keys of a text: texts that sound alike have one in common.

    Text in Latin letters may be a name of its own or the pinyin of a Chinese one, and has the keys of both.
    """
    if has_han(text):
        return frozenset(_pinyin(full) for full, _ in readings(text, True))
    words = _WORD.findall(" ".join(normal(word) for word in text.split()))
    found = {f"m{jellyfish.metaphone(word)}" for word in words}
    whole = "".join(words)
    return frozenset({*found, _pinyin(whole)} if whole else found)


def _pinyin(text: str) -> str:
    for sound, like in _ALIKE:
        text = sound.sub(like, text)
    return f"p{text}"
