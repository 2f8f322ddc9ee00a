"""Chinese names with roughly the frequencies of real life, and the ways they are mistyped.

Surname shares follow the ranking in the 2020 name report of the Ministry of Public Security
(全国姓名报告); given names are a short own list by period of birth. No real person is meant.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

Gender = Literal["male", "female"]

# Parts in a thousand of the population; the tail holds surnames whose reading is irregular.
_SURNAMES = {
    "王": 72, "李": 71, "张": 67, "刘": 52, "陈": 47, "杨": 32, "黄": 24, "赵": 22, "吴": 21,
    "周": 20, "徐": 15, "孙": 14, "马": 13, "朱": 12, "胡": 12, "郭": 11, "何": 11, "高": 10,
    "林": 10, "罗": 9, "郑": 9, "梁": 8, "谢": 8, "宋": 7, "唐": 7, "许": 6, "韩": 6, "冯": 6,
    "邓": 6, "曹": 5, "曾": 5, "单": 1, "仇": 1, "解": 1, "查": 1, "欧阳": 1,
}  # fmt: skip

# Given names by sex, for people born before the year that is the key.
_GIVEN: dict[Gender, dict[int, tuple[str, ...]]] = {
    "male": {
        1965: ("建国", "国强", "志明", "永福", "德胜", "卫东", "长发", "文华", "振华", "宝山"),
        1985: ("建军", "志强", "伟", "勇", "军", "海涛", "立新", "国庆", "晓东", "明", "刚", "斌"),
        2005: ("磊", "鹏", "浩", "俊杰", "志远", "宇", "超", "凯", "文博", "天宇", "嘉伟", "翔"),
        9999: ("浩宇", "子轩", "一诺", "宇航", "梓睿", "沐阳", "奕辰", "俊熙", "子墨", "一凡"),
    },
    "female": {
        1965: ("秀英", "桂芳", "玉兰", "淑珍", "桂英", "凤英", "秀兰", "素芬", "春梅", "玉珍"),
        1985: ("丽", "敏", "静", "红梅", "艳", "晓燕", "海燕", "丽娟", "芳", "建华", "玲", "萍"),
        2005: ("婷婷", "雪", "倩", "雨欣", "佳", "梦瑶", "晨曦", "思思", "莹", "丹", "璐", "欣怡"),
        9999: ("梓涵", "欣妍", "一诺", "诗涵", "语桐", "可馨", "若汐", "雨桐", "沐晴", "艺涵"),
    },
}

_LATIN: dict[Gender, tuple[tuple[str, str], ...]] = {
    "male": (("Testa", "Marco"), ("Muster", "Jonas"), ("Sample", "Adam")),
    "female": (("Testa", "Giulia"), ("Muster", "Anna"), ("Sample", "Ruth")),
}

_TRADITIONAL = str.maketrans(
    "张刘陈杨黄赵吴孙马罗郑谢许韩冯邓单欧阳国强永胜卫东长发华振宝军伟涛庆晓刚斌鹏杰远宇凯轩诺"
    "航睿阳静丽红艳海娟玲桂兰凤珍梦莹语诗艺梅",
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧單歐陽國強永勝衛東長發華振寶軍偉濤慶曉剛斌鵬傑遠宇凱軒諾"
    "航睿陽靜麗紅艷海娟玲桂蘭鳳珍夢瑩語詩藝梅",
)

# Characters that sound alike (tone aside) and are often confused at the counter.
_HOMOPHONES = str.maketrans(
    "明华伟静丽强敏涛婷磊志国英兰珍芳军建玲佳欣宇",
    "铭桦玮靖莉蔷闵韬亭雷智郭瑛岚贞方钧健灵嘉新雨",
)


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name in its parts; `text` is how it is written whole."""

    family: str
    given: str
    latin: bool = False

    @property
    def text(self) -> str:
        return f"{self.given} {self.family}" if self.latin else f"{self.family}{self.given}"

    def traditional(self) -> "Name":
        """The same name in traditional script."""
        return Name(
            self.family.translate(_TRADITIONAL), self.given.translate(_TRADITIONAL), self.latin
        )

    def homophone(self) -> "Name":
        """The given name with characters that sound the same: a clerk's mistake."""
        return Name(self.family, self.given.translate(_HOMOPHONES), self.latin)


def surname(random: Random) -> str:
    """A surname, drawn by its share of the population."""
    return random.choices(list(_SURNAMES), list(_SURNAMES.values()))[0]


def given_name(random: Random, gender: Gender, year: int) -> str:
    """A given name that fits the sex and the year of birth."""
    period = next(end for end in _GIVEN[gender] if year < end)
    return random.choice(_GIVEN[gender][period])


def latin_name(random: Random, gender: Gender) -> Name:
    """The name of a foreign resident; the surnames are those of specimen documents."""
    family, given = random.choice(_LATIN[gender])
    return Name(family, given, latin=True)
