"""Which resources belong to a sensitive class. Pure.

Classes and their codes are HL7's sensitivity policies (http://terminology.hl7.org/CodeSystem/v3-ActCode,
concept _InformationSensitivityPolicy). That they need special protection here: 个人信息保护法 article 28
(health information is sensitive), 艾滋病防治条例 article 39 (HIV), 精神卫生法 article 23 (mental
health), 人类遗传资源管理条例 (genetics).

Codes: ICD-10 (https://icd.who.int/browse10/2019/en; the Chinese edition GB/T 14396 has the same
categories), LOINC (https://loinc.org). The exchange labels by them itself; a sender may add a label
and cannot take one away.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from hie.errors import Text

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LOINC = "http://loinc.org"

NAMES: dict[str, Text] = {
    "HIV": Text("HIV and AIDS", "艾滋病相关"),
    "PSY": Text("mental health", "精神心理健康"),
    "SUD": Text("substance use", "物质使用障碍"),
    "SEX": Text("sexual and reproductive health", "性与生殖健康"),
    "GDIS": Text("genetics", "遗传信息"),
    "SDV": Text("abuse and violence", "受虐与家庭暴力"),
    "R": Text("marked as restricted by the sender", "机构标记为限制查阅"),
}

# What senders may state, by the class it comes to.
LABELS: dict[tuple[str, str], str] = {
    **{(ACT_CODE, code): code for code in NAMES if code != "R"},
    (ACT_CODE, "STD"): "SEX",
    (ACT_CODE, "PSYTHPN"): "PSY",
    (ACT_CODE, "MH"): "PSY",
    (ACT_CODE, "BH"): "PSY",
    (ACT_CODE, "ETH"): "SUD",
    (ACT_CODE, "OPIOIDUD"): "SUD",
    (ACT_CODE, "ETHUD"): "SUD",
    (ACT_CODE, "GDISANA"): "GDIS",
    (ACT_CODE, "SICKLE"): "GDIS",
    (CONFIDENTIALITY, "R"): "R",
    (CONFIDENTIALITY, "V"): "R",
}

# Categories of ICD-10, as the beginning of a code. F17 (tobacco) is not among them.
ICD_10: dict[str, str] = {
    "HIV": r"B2[0-4]|Z21|R75|O98\.?7|Z11\.?4|Z20\.?6",
    "SUD": r"F1[0-689]",
    "PSY": r"F0[0-9]|F[2-9][0-9]|X[67][0-9]|X8[0-4]|Z91\.?5",
    "SEX": r"A5[0-9]|A6[0-4]|O0[0-8]|N46|N97|Z3[012]|Z64\.?0",
    "GDIS": r"Q9[0-9]|Z31\.?5|Z14|Z15",
    "SDV": r"T74|Y0[67]",
}
ICD_10_SYSTEM = re.compile(
    r"icd-?10|2\.16\.156\.10011\.2\.3\.3\.11$|2\.16\.840\.1\.113883\.6\.3$", re.I
)

LOINC_CODES: dict[str, str] = {
    # antibodies and antigen, alone and together, by laboratory and rapid tests; RNA; proviral DNA
    **dict.fromkeys(
        (
            *("7917-8", "7918-6", "29893-5", "30361-0", "31201-7", "56888-1", "68961-2"),
            *("75622-1", "80387-4", "20447-9", "25836-8", "25842-6"),
        ),
        "HIV",
    ),
    # PHQ-9, GAD-7: panel and total score
    **dict.fromkeys(("44249-1", "44261-6", "69737-5", "70274-6"), "PSY"),
    # genetic variants, analyses and their reports
    **dict.fromkeys(
        ("48018-6", "51967-8", "51968-6", "53037-8", "69548-6", "81247-9", "81252-9"), "GDIS"
    ),
}
TYPES = {"MolecularSequence": "GDIS"}

_ICD = {name: re.compile(codes) for name, codes in ICD_10.items()}
# What a text must contain to be looked at at all: quick passes over the bytes for most resources.
_CANDIDATE = re.compile(
    rb'"code"\s*:\s*"(?:'
    + "|".join([*ICD_10.values(), *map(re.escape, LOINC_CODES)]).encode()
    + rb")"
)


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        code, system = value.get("code"), value.get("system")
        if isinstance(code, str) and isinstance(system, str):
            yield system, code
        for member in value.values():
            yield from _codings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _codings(member)


def classes_of(text: bytes) -> frozenset[str]:
    """The sensitive classes of a resource, from its JSON text."""
    if not (b'"security' in text or b"MolecularSequence" in text or _CANDIDATE.search(text)):
        return frozenset()
    resource = orjson.loads(text)
    found = {TYPES[resource["resourceType"]]} if resource.get("resourceType") in TYPES else set()
    for system, code in _codings(resource):
        stated = LABELS.get((system, code))
        if stated:
            found.add(stated)
        elif system == LOINC:
            found.update({LOINC_CODES[code]} if code in LOINC_CODES else ())
        elif ICD_10_SYSTEM.search(system):
            found.update(name for name, codes in _ICD.items() if codes.match(code))
    return frozenset(found)


def label(name: str) -> dict[str, str]:
    """The security label of a class, as `meta.security` carries it."""
    if name == "R":
        return {"system": CONFIDENTIALITY, "code": "R", "display": "restricted"}
    return {"system": ACT_CODE, "code": name, "display": NAMES[name].en}
