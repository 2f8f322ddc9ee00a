"""A part of a resource instead of the whole. https://hl7.org/fhir/R4/search.html#summary

What is kept, is kept byte for byte. Mandatory elements stay always, and so do modifier elements:
nobody shall read a prescription without its `doNotPerform`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from hie.fhir.definitions import Element, member
from hie.kit import exact
from hie.kit.json import array_items, members

Summary = Literal["true", "text", "data", "count", "false"]
SUMMARIES: tuple[Summary, ...] = get_args(Summary)
ALWAYS = frozenset(("resourceType", "id", "meta"))
EMPTY = (b"{}", b"[]")
CONTAINED_REFERENCE = re.compile(rb'"reference"\s*:\s*"#')
SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


@dataclass(frozen=True, slots=True)
class Subset:
    """Which part: that of `_summary`, or the elements of `_elements` by resource type.

    Elements under "" are wanted of every type.
    """

    summary: Summary = "false"
    elements: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.summary in ("false", "count") and not self.elements

    def parameters(self) -> list[tuple[str, str]]:
        """The parameters that ask for this subset."""
        asked: list[tuple[str, str]] = []
        if self.summary != "false":
            asked.append(("_summary", self.summary))
        if self.elements:
            names = [
                f"{type_name}.{name}" if type_name else name
                for type_name, wanted in sorted(self.elements.items())
                for name in sorted(wanted)
            ]
            asked.append(("_elements", ",".join(names)))
        return asked

    def of(self, type_name: str, body: bytes) -> bytes:
        """The part of a resource's text, tagged as a part."""
        keep = self._keep(type_name)
        if keep is None:
            return body
        return _rebuilt(body, keep, nested=self.summary == "true")

    def _keep(self, type_name: str) -> Callable[[Element], bool] | None:
        if self.elements:
            wanted = self.elements.get("", frozenset()) | self.elements.get(type_name, frozenset())
            if not wanted:
                return None  # only elements of other types were named
            return lambda element: element.name in wanted or element.modifier
        keeps: dict[Summary, Callable[[Element], bool]] = {
            "true": lambda element: element.summary,
            "text": lambda element: element.name == "text",
            "data": lambda element: element.name != "text",
        }
        return keeps.get(self.summary)


WHOLE = Subset()


def _kept(
    raw: bytes, type_name: str, keep: Callable[[Element], bool], nested: bool
) -> Iterator[tuple[str, bytes]]:
    """The members of an object that stay."""
    for key, text in members(raw).items():
        found = None if key in ALWAYS else member(type_name, key.removeprefix("_"))
        if found is None:
            yield key, text
            continue
        element, _ = found
        if keep(element) or element.minimum:
            part = _inner(text, element, keep) if nested else text
            if part not in EMPTY:
                yield key, part


def _inner(text: bytes, element: Element, keep: Callable[[Element], bool]) -> bytes:
    """The value of an inline element, whose own elements are in the summary or not."""
    inline = element.types[0]
    if "." not in inline:
        return text
    if text.startswith(b"["):
        items = (_object(item, inline, keep) for item in array_items(text))
        return b"[" + b",".join(item for item in items if item not in EMPTY) + b"]"
    return _object(text, inline, keep)


def _object(raw: bytes, inline: str, keep: Callable[[Element], bool]) -> bytes:
    return raw if raw == b"null" else _joined(_kept(raw, inline, keep, nested=True))


def _joined(kept: Iterator[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(exact.dumps(key) + b":" + text for key, text in kept) + b"}"


def _rebuilt(body: bytes, keep: Callable[[Element], bool], nested: bool) -> bytes:
    texts = members(body)
    type_name = exact.loads(texts["resourceType"])
    meta = exact.loads(texts.get("meta", b"{}"))
    meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    kept = dict(_kept(body, type_name, keep, nested))
    if "contained" in texts and any(CONTAINED_REFERENCE.search(text) for text in kept.values()):
        kept["contained"] = texts["contained"]
    kept["meta"] = exact.dumps(meta)
    return _joined(iter(kept.items()))
