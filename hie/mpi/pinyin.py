"""Whether Latin letters spell Chinese syllables: 汉语拼音方案, as in GB/T 28039-2011 for names.

Who writes names in pinyin has no other Latin name, so letters that spell no reading of a Chinese name
contradict it; a foreign name says nothing about the Chinese one that its bearer took.
"""

import re
from functools import lru_cache

_SYLLABLES = """
 a ai an ang ao e ei en eng er o ou
b a ai an ang ao ei en eng i ian iao ie in ing o u
c a ai an ang ao e en eng i ong ou u uan ui un uo
ch a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo
d a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo
f a an ang ei en eng o ou u
g a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
h a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
j i ia ian iang iao ie in ing iong iu u uan ue un
k a ai an ang ao e en eng ong ou u ua uai uan uang ui un uo
l a ai an ang ao e ei eng i ia ian iang iao ie in ing iu ong ou u uan un uo v ve
m a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u
n a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan uo v ve
p a ai an ang ao ei en eng i ian iao ie in ing o ou u
q i ia ian iang iao ie in ing iong iu u uan ue un
r an ang ao e en eng i ong ou u ua uan ui un uo
s a ai an ang ao e en eng i ong ou u uan ui un uo
sh a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo
t a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo
w a ai an ang ei en eng o u
x i ia ian iang iao ie in ing iong iu u uan ue un
y a an ang ao e i in ing o ong ou u uan ue un
z a ai an ang ao e ei en eng i ong ou u uan ui un uo
zh a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo
"""


def _pattern() -> str:
    rows = (line.partition(" ") for line in _SYLLABLES.strip("\n").splitlines())
    return "|".join(f"{initial}(?:{finals.replace(' ', '|')})" for initial, _, finals in rows)


_WORD = re.compile(f"(?:{_pattern()})+")


@lru_cache(maxsize=16384)
def is_pinyin(text: str) -> bool:
    """Whether each of the words of `text`, in small letters, is one or more Chinese syllables."""
    words = text.split()
    return bool(words) and all(_WORD.fullmatch(word) for word in words)
