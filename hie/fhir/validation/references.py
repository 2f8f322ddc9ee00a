"""References: their form, and the type of their target. https://hl7.org/fhir/R4/references.html"""

import re
from typing import Any

from hie.fhir.definitions import RESOURCE_TYPES
from hie.fhir.references import parse_reference
from hie.fhir.validation.finding import Check, Finding, Findings, Surroundings, at, one, shown

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII).fullmatch
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+", re.ASCII).fullmatch
_UUID = re.compile(
    r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
).fullmatch


def reference_check(targets: tuple[str, ...], plain: Check) -> Check:
    """The check of a Reference that may point to `targets` (empty: to any resource)."""
    allowed = frozenset(targets or RESOURCE_TYPES)

    def check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
        findings = plain(value, owner, around)
        if findings or "reference" not in value:
            return findings
        text = value["reference"]
        if "type" not in value:
            type_, _, id_ = text.partition("/")
            if (type_ in allowed and _ID(id_)) or _UUID(text):  # the two usual forms
                return None
        found = _check_form(text, value.get("type"), allowed, around)
        return at("reference", found) if found else None

    return check


def _check_form(
    text: str, stated: str | None, allowed: frozenset[str], around: Surroundings
) -> list[Finding] | None:
    reference = parse_reference(text)
    target = reference.type
    if reference.kind == "contained" and reference.fragment:
        target = around.contained.get(reference.fragment)
        if target is None:
            return one(
                "value",
                f"{shown(text)} names no contained resource of this resource",
                f"{shown(text)} 不是本资源所包含资源的 id",
            )
    if reference.kind == "other" and (text.startswith(("urn:uuid:", "urn:oid:")) or not _URI(text)):
        return one(
            "value",
            f"{shown(text)} is no reference: Type/id, an absolute URL, urn:uuid:…, urn:oid:… or #id",
            f"{shown(text)} 不是引用：应为 类型/id、绝对 URL、urn:uuid:…、urn:oid:… 或 #id",
        )
    return _check_target(text, target, stated, allowed) if target else None


def _check_target(
    text: str, target: str, stated: str | None, allowed: frozenset[str]
) -> list[Finding] | None:
    if target not in allowed:
        names = ", ".join(sorted(allowed))
        return one(
            "value",
            f"{shown(text)} points to {target}; allowed: {names}",
            f"{shown(text)} 指向 {target}；允许：{names}",
        )
    if stated in RESOURCE_TYPES and stated != target:
        return one(
            "value",
            f"{shown(text)} points to {target}, but type says {stated}",
            f"{shown(text)} 指向 {target}，但 type 是 {stated}",
        )
    return None
