"""The forms a literal reference may take. https://hl7.org/fhir/R4/references.html#literal"""

import re
from dataclasses import dataclass
from typing import Literal

from hie.fhir.definitions import RESOURCE_TYPES

Kind = Literal["relative", "absolute", "contained", "urn", "conditional", "other"]

_ID = r"[A-Za-z0-9\-.]{1,64}"
_TYPES = frozenset(RESOURCE_TYPES)
# The regular expression of the specification, taken apart: base, type, id, version.
_RESTFUL = re.compile(
    r"(https?://[A-Za-z0-9\-._~:%$@/]+/)?([A-Z][A-Za-z]+)"
    rf"/({_ID})(?:/_history/({_ID}))?(?:#(.+))?",
    re.ASCII,
)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")
_URN = re.compile(
    r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|urn:oid:[0-2](?:\.\d+)+",
    re.ASCII,
)


def is_id(value: object) -> bool:
    """Whether the value can be a resource's id. https://hl7.org/fhir/R4/datatypes.html#id"""
    return isinstance(value, str) and re.fullmatch(_ID, value) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference taken apart. `other` is a URL that names no RESTful resource, or nonsense."""

    kind: Kind
    text: str
    type: str | None = None
    id: str | None = None
    version: str | None = None
    base: str | None = None
    """Of an absolute reference: the server's base address with its final slash."""
    fragment: str | None = None
    """After `#`: the id of a contained resource; empty for the containing resource itself."""

    @property
    def relative(self) -> str | None:
        """`Type/id` without base and version, or None if the reference names no type and id."""
        return f"{self.type}/{self.id}" if self.type and self.id else None


def parse_reference(text: str) -> Reference:
    """Takes the text of `Reference.reference` apart. Never fails, see `Reference.kind`.

    `relative`: Patient/1, Patient/1/_history/2; `absolute`: the same after http(s)://…/;
    `contained`: #id; `urn`: a well-formed urn:uuid: or urn:oid:; `conditional`: Type?query, which
    a transaction resolves (https://hl7.org/fhir/R4/http.html#trules).
    """
    if (match := _RESTFUL.fullmatch(text)) and match[2] in _TYPES:
        base, type_, id_, version, fragment = match.groups()
        kind: Kind = "absolute" if base else "relative"
        return Reference(kind, text, type_, id_, version, base or None, fragment)
    if text.startswith("#"):
        return Reference("contained", text, fragment=text[1:])
    if _URN.fullmatch(text):
        return Reference("urn", text)
    if (match := _CONDITIONAL.fullmatch(text)) and match[1] in _TYPES:
        return Reference("conditional", text, match[1])
    return Reference("other", text)
