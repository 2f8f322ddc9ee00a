"""The golden Patient: of every element the value that deserves most trust, and where it came from.

Per element: the most trusted source (one that knows a sound resident number, not a newborn's
placeholder), then the value that most members give, then the newest. Identifiers and phones of all members are kept. The same
members give the same bytes. Patient.link: https://hl7.org/fhir/R4/patient-definitions.html#Patient.link
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hie.mpi.features import Features

GOLDEN_TAG = {
    "system": "urn:hie:record",
    "code": "golden",
    "display": "Computed from linked registrations",
}
_SINGLE = (
    "gender",
    "birthDate",
    "deceasedBoolean",
    "deceasedDateTime",
    "maritalStatus",
    "multipleBirthBoolean",
    "multipleBirthInteger",
)
_KEPT = ("identifier", "name", "telecom", "address", *_SINGLE)
# PDQm wants it in answers: https://profiles.ihe.net/ITI/PDQm/ITI-78.html
_KEPT_EXTENSIONS = ("http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",)


@dataclass(frozen=True, slots=True)
class Part:
    """A member, as far as the golden record needs it. A higher `revision` was written later."""

    id: str
    institution: int
    revision: int
    features: Features
    content: Mapping[str, Any]

    @property
    def trust(self) -> int:
        """How far the registration's own words can be relied on."""
        if self.features.is_newborn:
            return 0
        return 2 if self.features.numbers else 1


Explanation = dict[str, list[str]]


def content_of(patient: Mapping[str, Any]) -> dict[str, Any]:
    """The identity part of a source Patient: what a golden record may take from it."""
    content = {key: patient[key] for key in _KEPT if key in patient}
    if patient.get("active") is False:
        content["active"] = False
    extensions = [e for e in patient.get("extension", ()) if e.get("url") in _KEPT_EXTENSIONS]
    return {**content, "extension": extensions} if extensions else content


def replaced(person: str, survivor: str) -> dict[str, Any]:
    """The golden Patient of a person that was merged into `survivor`."""
    return {
        "resourceType": "Patient",
        "id": person,
        "meta": {"tag": [GOLDEN_TAG]},
        "active": False,
        "link": [{"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}],
    }


def golden(
    person: str, parts: Sequence[Part], merged: Sequence[str] = ()
) -> tuple[dict[str, Any], Explanation]:
    """The golden Patient of `person`, and for each element the ids of the members it is from.

    `parts` must not be empty; their order does not matter. `merged` are persons it replaces.
    """
    ordered = sorted(parts, key=lambda part: (-part.trust, -part.revision, part.id))
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": person,
        "meta": {"tag": [GOLDEN_TAG]},
        # Whom every institution has struck off is not in use any more.
        "active": any(part.content.get("active", True) for part in ordered),
    }
    explained: Explanation = {}
    for element in ("identifier", "telecom"):
        _collect(resource, explained, element, ordered)
    for element in ("name", "address", "extension", *_SINGLE):
        _choose(resource, explained, element, ordered)
    for first, second in (
        ("deceasedBoolean", "deceasedDateTime"),
        ("multipleBirthBoolean", "multipleBirthInteger"),
    ):
        if first in resource and second in resource:  # a choice type: one of them only
            del resource[first], explained[first]
    if names := list(_other_names(resource, ordered)):
        resource["name"] = [*resource["name"], *names]
    resource["link"] = [
        {"other": {"reference": f"Patient/{id_}"}, "type": "seealso"}
        for id_ in sorted(part.id for part in parts)
    ] + [{"other": {"reference": f"Patient/{id_}"}, "type": "replaces"} for id_ in sorted(merged)]
    return resource, explained


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _key(element: str, value: Mapping[str, Any]) -> str:
    """By what two entries of a list are the same."""
    if element == "identifier":
        return _text([value.get("system"), value.get("value")])
    return _text([value.get("system"), value.get("value"), value.get("use")])


def _collect(
    resource: dict[str, Any], explained: Explanation, element: str, ordered: Iterable[Part]
) -> None:
    found: dict[str, Any] = {}
    sources: list[str] = []
    for part in ordered:
        for value in part.content.get(element) or []:
            key = _key(element, value)
            if value.get("use") != "old" and value.get("value") and key not in found:
                found[key] = value
                sources.append(part.id)
    if found:
        resource[element] = list(found.values())
        explained[element] = sources


def _choose(
    resource: dict[str, Any], explained: Explanation, element: str, ordered: Sequence[Part]
) -> None:
    having = [part for part in ordered if _usable(element, part.content.get(element))]
    if not having:
        return
    trusted = [part for part in having if part.trust == having[0].trust]
    votes: dict[str, list[Part]] = {}
    for part in trusted:
        votes.setdefault(_text(_compared(element, part.content[element])), []).append(part)
    winners = max(votes.values(), key=lambda given: (len(given), given[0].revision))
    resource[element] = winners[0].content[element]
    explained[element] = [part.id for part in winners]


def _usable(element: str, value: object) -> bool:
    if element == "gender":
        return value in ("male", "female", "other")
    return value not in (None, [], "")


def _compared(element: str, value: Any) -> Any:
    """What makes two values the same vote: for a name or an address its words."""
    if element not in ("name", "address"):
        return value
    first = value[0]
    if first.get("text"):
        return first["text"]
    return [first.get("family"), first.get("given"), first.get("line"), first.get("city")]


def _other_names(resource: Mapping[str, Any], ordered: Iterable[Part]) -> Iterable[Any]:
    """Names that other members give, so that a search by any of them finds the person."""
    seen = {_text(_compared("name", [name])) for name in resource.get("name", [])}
    for part in ordered:
        for name in part.content.get("name") or []:
            if (key := _text(_compared("name", [name]))) not in seen:
                seen.add(key)
                yield {**name, "use": "old" if part.features.is_newborn else "nickname"}
