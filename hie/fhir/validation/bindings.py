"""Required bindings to closed value sets. https://hl7.org/fhir/R4/terminologies.html#required

Only sets whose codes the definitions list are checked here; the rest is the terminology's.
"""

from collections.abc import Mapping
from typing import Any

from hie.fhir.definitions import value_set
from hie.fhir.validation.finding import Check, Finding, Findings, Surroundings, at, one, shown
from hie.fhir.validation.primitives import refused_text

LISTED = 12


def _allowed(codes: Mapping[str, list[str]]) -> str:
    listed = [code for each in codes.values() for code in each]
    return ", ".join(listed[:LISTED]) + (", …" if len(listed) > LISTED else "")


def code_check(url: str) -> Check:
    """The check of a `code` bound to the closed value set `url`."""
    codes = value_set(url)
    allowed = frozenset(code for each in codes.values() for code in each)
    text = _allowed(codes)

    def check(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
        if type(value) is str:
            if value in allowed:
                return None
            if value:
                return one(
                    "code-invalid",
                    f"{shown(value)} is not a code of {url}; allowed: {text}",
                    f"{shown(value)} 不是 {url} 中的代码；允许：{text}",
                )
        return refused_text("code", value)

    return check


def concept_check(url: str, plain: Check) -> Check:
    """The check of a CodeableConcept bound to `url`: at least one coding must be from the set."""
    codes = value_set(url)
    pairs = frozenset((system, code) for system, each in codes.items() for code in each)
    text = _allowed(codes)

    def check(value: Any, owner: dict[str, Any], around: Surroundings) -> Findings:
        findings = plain(value, owner, around)
        if findings:
            return findings
        codings = value.get("coding")
        if codings is None and "extension" in value:  # an extension may say why there is none
            return None
        if any((each.get("system"), each.get("code")) in pairs for each in codings or ()):
            return None
        return _no_code(url, text, codings)

    return check


def _no_code(url: str, allowed: str, codings: list[dict[str, Any]] | None) -> list[Finding]:
    if not codings:
        return one(
            "code-invalid",
            f"needs a coding from {url}; allowed: {allowed}",
            f"需要 {url} 中的编码；允许：{allowed}",
        )
    given = shown(codings[0].get("code"))
    return at(
        "coding",
        one(
            "code-invalid",
            f"no coding is from {url} ({given}); allowed: {allowed}",
            f"没有来自 {url} 的编码（{given}）；允许：{allowed}",
        ),
    )
