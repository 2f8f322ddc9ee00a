"""Names of people: XPN and XCN to HumanName. HL7 2.5.1 sections 2.A.88 and 2.A.86

https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-xpn-to-humanname.html
"""

import re
from typing import Any

from hie.ingest.hl7v2.message import Value

USES = {
    "L": "official", "R": "official", "D": "usual", "M": "maiden", "N": "nickname",
    "MSK": "anonymous", "NAV": "temp", "TEMP": "temp", "BAD": "old",
}  # fmt: skip
"""Table 0200 as the guide's concept map NameType translates it."""

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_REPRESENTATIONS = {"I": "IDE", "A": "ABC", "P": "SYL"}
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def _text(family: str, given: list[str], prefix: str, suffix: str) -> str:
    # 张 + 伟 is 张伟; prefixes such as Dr are not used with Chinese names.
    if _HAN.search(family + "".join(given)):
        return family + "".join(given)
    return " ".join(part for part in (prefix, *given, family, suffix) if part)


def _human_name(
    family: str, given: list[str], *, suffix: str, prefix: str, use: str | None
) -> dict[str, Any] | None:
    text = _text(family, given, prefix, suffix)
    if not text:
        return None
    name: dict[str, Any] = {"use": use} if use else {}
    name["text"] = text
    if family:
        name["family"] = family
    if given:
        name["given"] = given
    if prefix:
        name["prefix"] = [prefix]
    if suffix:
        name["suffix"] = [suffix]
    return name


def person_name(value: Value, *, first: bool) -> dict[str, Any] | None:
    """A HumanName from an XPN, None if empty; the `first` of several is the official one."""
    kind = value.component(7).upper()
    given = [part for part in (value.component(2), value.component(3)) if part]
    use = USES.get(kind) or ("official" if first and kind not in {"A", "S", "U"} else None)
    name = _human_name(
        value.component(1), given, suffix=value.component(4), prefix=value.component(5), use=use
    )
    if name and (representation := _REPRESENTATIONS.get(value.component(8).upper())):
        name["extension"] = [{"url": REPRESENTATION, "valueCode": representation}]
    return name


def staff_name(value: Value, offset: int = 1) -> dict[str, Any] | None:
    """A HumanName from an XCN, whose name begins after the staff number."""
    given = [part for part in (value.component(2 + offset), value.component(3 + offset)) if part]
    return _human_name(
        value.component(1 + offset),
        given,
        suffix=value.component(4 + offset),
        prefix=value.component(5 + offset),
        use="official",
    )
