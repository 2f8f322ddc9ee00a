"""Readable text of coded values. https://hl7.org/fhir/R4/datatypes.html#CodeableConcept"""

import re
from typing import Any

from hie.errors import Text

Resource = dict[str, Any]


def text_of(concept: object) -> str:
    """What a CodeableConcept says: its text, else the first display, else the first code, else ""."""
    if not isinstance(concept, dict):
        return ""
    if text := concept.get("text"):
        return str(text)
    codings = [c for c in concept.get("coding", ()) if isinstance(c, dict)]
    for element in ("display", "code"):
        for coding in codings:
            if value := coding.get(element):
                return str(value)
    return ""


LOINC = "http://loinc.org"

# Long common names end with property, specimen and method: "Glucose [Moles/volume] in Serum or Plasma".
_LOINC_TAIL = re.compile(r" (\[|- |in (Blood|Serum|Plasma|Urine|Body|Capillary|Arterial)\b|by ).*")


def _display_of(coding: Resource) -> str:
    """The display in Latin letters, of LOINC only what was measured; else ""."""
    display = str(coding.get("display", ""))
    if not display.isascii():
        return ""
    return _LOINC_TAIL.sub("", display) if coding.get("system") == LOINC else display


def words_of(concept: object) -> Text:
    """`text_of` for Chinese readers; for English ones a display in Latin letters, if there is one."""
    text = text_of(concept)
    if text.isascii() or not isinstance(concept, dict):
        return Text(text, text)
    displays = [_display_of(c) for c in concept.get("coding", ()) if isinstance(c, dict)]
    return Text(next(filter(None, displays), text), text)


def same(text: str) -> Text:
    """Words that are not translated, such as what somebody wrote."""
    return Text(text, text)


def key_of(concept: object) -> str:
    """The search token `system|code` by which equal things of several institutions come together.

    LOINC goes before an institution's own code; without any code it is the text.
    """
    if not isinstance(concept, dict):
        return ""
    codings = [c for c in concept.get("coding", ()) if isinstance(c, dict) and c.get("code")]
    codings.sort(key=lambda coding: coding.get("system") != LOINC)
    for coding in codings:
        return f"{coding.get('system', '')}|{coding['code']}"
    return text_of(concept)


def codes_of(*concepts: object) -> frozenset[str]:
    """Every bare code in the CodeableConcepts, or in lists of them."""
    codes: set[str] = set()
    for concept in concepts:
        if isinstance(concept, list):
            codes |= codes_of(*concept)
        elif isinstance(concept, dict):
            codes |= {
                str(coding["code"])
                for coding in concept.get("coding", ())
                if isinstance(coding, dict) and coding.get("code")
            }
    return frozenset(codes)


def displays_of(references: object) -> tuple[str, ...]:
    """The display texts of a Reference or a list of References."""
    if isinstance(references, dict):
        references = [references]
    if not isinstance(references, list):
        return ()
    return tuple(str(r["display"]) for r in references if isinstance(r, dict) and r.get("display"))


def reference_of(resource: Resource, element: str) -> str | None:
    """The relative reference `Type/id` in `element`, cut from an absolute one if need be."""
    value = resource.get(element)
    reference = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(reference, str) or "/" not in reference:
        return None
    return "/".join(reference.split("/_history/")[0].split("/")[-2:])
