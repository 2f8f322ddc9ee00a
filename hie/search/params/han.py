"""Reading Chinese names in pinyin, so that 张伟 is found by `zhangwei` and `zw`.

Surnames have readings of their own (单 is Shan, 曾 is Zeng); both the surname's reading and the usual
one are given, because people type either. Pinyin: GB/T 16159, names: GB/T 28039.
"""

from functools import lru_cache
from itertools import product

from hie.kit.pinyin import syllables
from hie.search.params.normal import has_han, normal

# Surnames whose reading differs from the character's usual one.
SURNAMES = {
    "曾": "zeng",
    "单": "shan",
    "解": "xie",
    "仇": "qiu",
    "查": "zha",
    "区": "ou",
    "朴": "piao",
    "盖": "ge",
    "任": "ren",
    "华": "hua",
    "覃": "qin",
    "翟": "zhai",
    "缪": "miao",
    "折": "she",
    "员": "yun",
    "黑": "he",
    "秘": "bi",
    "种": "chong",
    "逄": "pang",
    "葛": "ge",
    "么": "yao",
    "乐": "yue",
    "尉迟": "yuchi",
    "万俟": "moqi",
    "长孙": "zhangsun",
    "澹台": "tantai",
    "令狐": "linghu",
    "宿": "su",
    "召": "shao",
    "洗": "xian",
    "冼": "xian",
    "繁": "po",
    "祭": "zhai",
    "燕": "yan",
    "瞿": "qu",
    "隗": "kui",
    "石": "shi",
    "柏": "bai",
    "那": "na",
    "纪": "ji",
}


@lru_cache(maxsize=16384)
def readings(text: str, surname: bool) -> tuple[tuple[str, str], ...]:
    """(full pinyin, initials) of a text with Chinese characters, each possible reading of a surname.

    `surname`: the text begins with a surname, so that its first characters may read otherwise.
    """
    if not has_han(text):
        return ()
    characters = normal(text)
    found = {_reading(characters, None)}
    if surname:
        for length in (2, 1):
            special = SURNAMES.get(characters[:length])
            if special is not None:
                found.add(_reading(characters[length:], (special, characters[:length])))
                break
    # ü is typed v, and written yu in passports
    full = {
        (reading.replace("v", to), initials) for reading, initials in found for to in ("v", "yu")
    }
    return tuple(sorted(full))


def _reading(characters: str, special: tuple[str, str] | None) -> tuple[str, str]:
    spoken = syllables(characters)
    full = "".join(spoken)
    initials = "".join(each[0] for each in spoken if each)
    if special is None:
        return full, initials
    pinyin, surname = special
    # a double surname has two initials: those of its characters, as far as the reading tells
    first = pinyin[0] if len(surname) == 1 else pinyin[0] + syllables(surname)[1][0]
    return pinyin + full, first + initials


def combinations(families: list[str], givens: list[str]) -> list[str]:
    """Family and given name as one text: 张 and 伟 → 张伟."""
    return [family + given for family, given in product(families, givens)]
