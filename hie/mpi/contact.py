"""Telephone numbers and Chinese addresses as keys; a household shares both.

Addresses are read only as far as telling homes apart needs: road and house number, community,
building and room. Mobile numbers: 11 digits beginning with 1, numbering plan of the MIIT.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_COUNTRY = re.compile(r"^(?:00|\+)?86(?=0?1\d{10}$|0?[2-9]\d{8,11}$)")
_TRUNK = re.compile(r"^0(?=1[3-9]\d{9}$)")
_ROOM = re.compile(
    r"(?P<building>\d+|[A-Za-z]\d*|[一二三四五六七八九十]+)\s*(?:幢|栋|座|号楼|楼|#|-|—|－)\s*"
    r"(?:(?P<unit>\d+|[一二三四甲乙])\s*(?:单元|-)\s*)?(?P<room>\d+)\s*(?:室|号|房|户)?\s*$"
)
_ROAD = re.compile(
    r"(?P<road>[^\d省市区县镇号]{1,12}?(?:大道|路|街|巷|弄|道))(?P<number>\d+)号?(?:弄)?"
)
_ADMIN = re.compile(
    r"^(?:[^\d]{2,8}?(?:省|自治区))?(?:[^\d]{1,6}?市){0,2}(?:[^\d]{1,10}?(?:开发区|工业园区|新区|区|县|旗))?"
    r"(?:[^\d]{1,6}?(?:街道|镇|乡))?"
)
_VILLAGE = re.compile(
    r"^(?P<village>[^\d]{2,12}?)(?:村民委员会|村委会|居民委员会|居委会|社区|村|屯)?"
    r"(?:第?(?:\d+|[一二三四五六七八九十]+)(?:村民小组|小组|组|队|社))?(?P<house>\d+)(?:号|户)$"
)
_GROUP = re.compile(
    r"(?:村民委员会|村委会|居民委员会|居委会|村|屯)(?:第?(?:\d+|[一二三四五六七八九十]+)(?:村民小组|小组|组|队|社))?$"
)
_BUILDING = re.compile(r"(?:\d+(?:号楼|幢|栋|座|#)|小区|社区)$")
_CHINESE_DIGITS = {c: str(n) for n, c in enumerate("一二三四五六七八九十", start=1)}


@lru_cache(maxsize=16384)
def phone(text: str) -> str:
    """The digits of a number without country code; "" for none and for obvious fillers."""
    folded = unicodedata.normalize("NFKC", text)
    digits = re.sub(r"(?!^\+)[^\d]", "", re.sub(r"\s", "", folded))
    digits = _TRUNK.sub("", _COUNTRY.sub("", digits).lstrip("+"))
    if len(digits) < 7 or len(set(digits[-8:])) <= 2 or digits[-7:] == "0000000":
        return ""
    return "" if digits in ("12345678910", "12345678901", "13812345678", "13800138000") else digits


@dataclass(frozen=True, slots=True)
class Home:
    """What an address says of where the door is. `door` is building-unit-room, or a whole foreign line."""

    road: str = ""
    number: str = ""
    community: str = ""
    door: str = ""


@lru_cache(maxsize=16384)
def home(text: str) -> Home | None:
    """`text` read as an address; None when there is nothing that tells homes apart."""
    folded = re.sub(r"[\s,，。、]+", "", unicodedata.normalize("NFKC", text))
    if len(folded) < 3:
        return None
    if not re.search(r"[\u4e00-\u9fff]", folded):
        return Home(door=folded.casefold())
    found = _ROOM.search(folded)
    door, head = "", folded
    if found:
        building = found["building"].upper()
        building = _CHINESE_DIGITS.get(building, building)
        door = "-".join(filter(None, [building, found["unit"] or "", found["room"].lstrip("0")]))
        head = folded[: found.start()]
    rest = _ADMIN.sub("", head, count=1) if _ADMIN.match(head) else head
    rest = re.sub(r"^(?:园区|城区|新区)", "", rest)
    road = number = ""
    if street := _ROAD.search(rest):
        road, number = street["road"], street["number"]
        rest = rest[street.end() :]
    community = rest.lstrip("号弄-")
    if not door and not road and (house := _VILLAGE.match(rest)):
        community, door = house["village"], house["house"].lstrip("0")
    community = _GROUP.sub("", _BUILDING.sub("", community, count=1), count=1)
    return Home(road, number, community, door) if door or (road and number) or community else None


def home_level(left: Home, right: Home) -> str:
    """door (the same flat, as far as written), place (the same road or community), or different."""
    same_road = bool(left.road) and (left.road, left.number) == (right.road, right.number)
    same_community = bool(left.community) and left.community == right.community
    unlike = bool(left.road and right.road and not same_road) and not same_community
    unlike |= bool(left.community and right.community and not same_community) and not same_road
    if left.door and left.door == right.door and not unlike:
        return "door"
    return (
        "place" if (same_road or same_community) and not (left.door and right.door) else "different"
    )
