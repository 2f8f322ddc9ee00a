"""Personal names as keys: characters, sounds, letters; and the placeholders that newborns are given.

The original stays in the record; what is made here only serves comparing. Traditional characters are
folded to simplified ones (OpenCC), sounds are pinyin without tones (`hie.kit.pinyin`) with the readings that
surnames have. Table of surname readings: 《中华姓氏大辞典》 and GB/T 28039-2011.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from opencc import OpenCC

from hie.kit.pinyin import syllables

Kind = Literal["han", "latin", "newborn", "none"]

# The reading as a surname, then the everyday reading that machines and strangers use.
SURNAME_READINGS: dict[str, tuple[str, ...]] = {
    "单": ("shan", "dan"), "仇": ("qiu", "chou"), "曾": ("zeng", "ceng"), "解": ("xie", "jie"),
    "查": ("zha", "cha"), "区": ("ou", "qu"), "朴": ("piao", "pu"), "盖": ("ge", "gai"),
    "种": ("chong", "zhong"), "秘": ("bi", "mi"), "冼": ("xian",), "洗": ("xian", "xi"),
    "缪": ("miao", "mou"), "翟": ("zhai", "di"), "覃": ("qin", "tan"), "员": ("yun", "yuan"),
    "黑": ("he", "hei"), "乐": ("yue", "le"), "任": ("ren",), "华": ("hua",), "纪": ("ji",),
    "隗": ("wei", "kui"), "召": ("shao", "zhao"), "祭": ("zhai", "ji"), "葛": ("ge",),
    "折": ("she", "zhe"), "繁": ("po", "fan"), "燕": ("yan",), "车": ("che", "ju"),
    "阚": ("kan",), "牟": ("mu", "mou"), "宓": ("mi", "fu"), "柏": ("bai", "bo"), "逄": ("pang",),
    "訾": ("zi",), "郗": ("xi", "chi"), "晁": ("chao",), "禚": ("zhuo",), "尹": ("yin",),
    "哈": ("ha",), "那": ("na",), "宁": ("ning",), "占": ("zhan",), "么": ("yao", "me"),
    "万俟": ("mo qi", "wan si"), "尉迟": ("yu chi", "wei chi"), "澹台": ("tan tai", "dan tai"),
    "长孙": ("zhang sun", "chang sun"), "单于": ("chan yu", "dan yu"), "令狐": ("ling hu",),
}  # fmt: skip
COMPOUND_SURNAMES = frozenset(
    re.findall(
        "..",
        "欧阳司马诸葛上官皇甫尉迟公孙慕容令狐长孙宇文司徒东方夏侯轩辕独孤南宫端木百里东郭呼延澹台"
        "公冶太叔申屠赫连钟离闻人濮阳淳于单于万俟西门拓跋第五鲜于闾丘司空宗政达奚",
    )
)
_SIMPLIFY = OpenCC("t2s")
_DOTS = re.compile(r"[·•‧・･∙⋅.．。˙●ㆍ\-_]+")
_BRACKET = re.compile(r"[(\[{<《【].*?[)\]}>》】]")
_HAN = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_NOTE = re.compile(r"\d+$")
_LATIN_SPLIT = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")
WILD = "*?□■○�xX×"
"""Signs that stand for a character that was masked or that a font did not have."""
_NEWBORN = re.compile(
    r"^(?P<mother>.{1,14}?)(?P<sign>(?:之|的)?(?:双胞胎|双胎|双)?(?:长|次|大|小|二|三|男|女|毛)?"
    r"(?:子|女|婴儿|婴|男婴|女婴|宝宝|毛毛|毛头|宝|新生儿|BB|bb|儿子|女儿|娃|孩)|大双|小双|双大|双小|双胞胎|双胎)"
    r"(?P<order>[\dA-Fa-f甲乙丙丁一二三大小]?)$"
)
_LEADING_SIGN = re.compile(
    r"^(?P<sign>新生儿|婴儿|男婴|女婴|宝宝)(?P<mother>[\u4e00-\u9fff]{2,4})$"
)
_ORDERS = {
    "长": "1", "大": "1", "次": "2", "小": "2", "二": "2", "三": "3", "一": "1", "甲": "1", "乙": "2",
    "丙": "3", "丁": "4", "A": "1", "B": "2", "C": "3", "D": "4",
}  # fmt: skip
_NAMELESS = frozenset({"婴儿", "新生儿", "男婴", "女婴", "宝宝", "毛毛", "毛头", "弃婴", "小毛头"})
_SURE_SIGN = re.compile(r"之|的|婴|双|新生儿|宝宝|毛毛|毛头|BB|bb")


@dataclass(frozen=True, slots=True)
class Name:
    """One name in comparable form. A newborn's placeholder carries its mother's name instead."""

    kind: Kind
    text: str = ""
    family: str = ""
    given: str = ""
    sounds: tuple[str, ...] = ()
    letters: str = ""
    order: str = ""
    hint: str = ""
    sure: bool = True


NO_NAME = Name("none")


def fold(text: str) -> str:
    """Half-width, simplified, without blanks, brackets and middle dots. Folding twice changes nothing."""
    half = unicodedata.normalize("NFKC", text)
    bare = _DOTS.sub("", re.sub(r"\s+", "", _BRACKET.sub("", half)))
    return unicodedata.normalize("NFKC", _SIMPLIFY.convert(bare))


def split_family(text: str) -> tuple[str, str]:
    """A folded Chinese name as (family, given). Long names, as of Uyghurs, have no family part."""
    if len(text) > 2 and text[:2] in COMPOUND_SURNAMES:
        return text[:2], text[2:]
    return (text[:1], text[1:]) if len(text) <= 4 else ("", text)


@lru_cache(maxsize=16384)
def _syllables(text: str) -> tuple[str, ...]:
    return tuple(syllables(text))


def readings(family: str, given: str) -> tuple[str, ...]:
    """The pinyin of a name, one entry for each reading of its surname, syllables parted by blanks."""
    tail = list(_syllables(given))
    heads = SURNAME_READINGS.get(family) or (" ".join(_syllables(family)),)
    return tuple(" ".join(filter(None, [head, *tail])) for head in heads)


def signature(sound: str) -> str:
    """The letters of a sound in alphabetical order: the same for every order and spacing of its parts."""
    return "".join(sorted(sound.replace(" ", "")))


@lru_cache(maxsize=16384)
def parse(text: str) -> tuple[Name, ...]:
    """The ways to read `text`: one, or two when 张君子 may be a name or the son of 张君; () for none."""
    inside = re.sub(r"[()\[\]【】\s]", "", unicodedata.normalize("NFKC", text))
    newborn = _newborn(_SIMPLIFY.convert(_DOTS.sub("", inside)))
    if newborn and newborn.sure:
        return (newborn,)
    return tuple(name for name in (_ordinary(text), newborn) if name and name is not NO_NAME)


def _ordinary(text: str) -> Name:
    folded = fold(text)
    if folded.strip("?*") in ("", "不详", "无名氏", "未知", "无名", "佚名", "患者", "test"):
        return NO_NAME
    if not _HAN.search(folded):
        return _latin(text)
    plain = _NOTE.sub("", folded).rstrip("*") if not _masked(folded) else folded
    family, given = split_family(plain)
    sounds = readings(family, given)
    return Name("han", plain, family, given, sounds, signature(sounds[0]))


def _masked(folded: str) -> bool:
    """Whether a sign stands for a character: the name would be too short without it."""
    return any(sign in folded for sign in WILD) and len(folded.rstrip("*0123456789")) < 2


def _newborn(text: str) -> Name | None:
    if text in _NAMELESS:
        return Name("newborn")
    if len(text) == 2 and text[1] in "婴宝":
        sounds = readings(text[0], "")
        return Name("newborn", "", text[0], "", sounds, signature(sounds[0]))
    if leading := _LEADING_SIGN.match(text):
        text = leading["mother"] + leading["sign"]
    found = _NEWBORN.match(text)
    if not found or len(text) < 3 or not _HAN.search(text):
        return None
    mother, sign = found["mother"], found["sign"]
    if len(mother) > 3 and (inner := _NEWBORN.match(mother)):
        mother, sign = inner["mother"], inner["sign"] + sign  # 王芳之子(新生儿)
    sure = bool(_SURE_SIGN.search(sign)) or bool(found["order"])
    if not sure and (not 2 <= len(mother) <= 4 or sign[0] in "长次大小二三毛"):
        return None
    order = found["order"].upper() or next((c for c in sign if c in "长次大小二三"), "")
    family, given = split_family(mother)
    sounds = readings(family, given)
    hint = "male" if re.search("[子男]", sign) else "female" if "女" in sign else ""
    return Name(
        "newborn", mother, family, given, sounds, signature(sounds[0]),
        _ORDERS.get(order, order), hint, sure,
    )  # fmt: skip


def _latin(text: str) -> Name:
    half = unicodedata.normalize(
        "NFKD", unicodedata.normalize("NFKC", text).replace("ü", "v").replace("Ü", "V")
    )
    bare = "".join(c for c in half if not unicodedata.combining(c))
    parts = [part.lower() for part in _LATIN_SPLIT.split(bare) if part]
    if not parts:
        other = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()
        return Name("latin", other, other, "", (other,), signature(other)) if other else NO_NAME
    joined = " ".join("lv" if part == "lyu" else part for part in parts)
    return Name(
        "latin",
        " ".join(sorted(joined.split())),
        parts[0],
        " ".join(parts[1:]),
        (joined,),
        signature(joined),
    )
