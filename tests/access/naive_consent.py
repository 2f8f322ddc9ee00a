"""Consents evaluated by walking the tree of provisions for one row and one reader.

It shares nothing with the compiler: it reads the Consent's JSON by hand, as docs/access.md tells.
Three-valued: None is "not known", which older versions are in their codes and dates.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hie.fhir.dates import date_range, period_range

Resource = dict[str, Any]
Truth = bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its content; `past`: a superseded version."""

    resource: Resource
    institution: str
    past: bool = False

    @property
    def reference(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads, and for which purposes."""

    names: frozenset[str]
    purposes: frozenset[str]


def every(*truths: Truth) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def some(*truths: Truth) -> Truth:
    if True in truths:
        return True
    return None if None in truths else False


def carries(row: Row, system: str, code: str) -> Truth:
    if row.past:
        return None
    concepts = [row.resource.get("code", {}), {"coding": [row.resource.get("class", {})]}]
    return any(
        (c.get("system"), c.get("code")) == (system, code)
        for concept in concepts
        for c in concept.get("coding", ())
    )


def applies(node: Resource, row: Row, reading: Reading) -> Truth:
    """Whether all conditions of the provision hold, those of nested ones aside."""
    truths: list[Truth] = []
    now = datetime.now(UTC)
    if "period" in node:
        valid = period_range(node["period"])
        truths.append(valid is None or valid.low <= now < valid.high)
    receiving, keeping = set(), set()
    for actor in node.get("actor", ()):
        reference = actor["reference"]
        name = reference.get("identifier", {}).get("value") or reference.get("reference")
        role = actor["role"]["coding"][0]["code"]
        (keeping if role == "CST" else receiving).add(name)
    if receiving:
        truths.append(bool(receiving & reading.names))
    if keeping:
        truths.append(row.institution in keeping)
    if "purpose" in node:
        truths.append(bool({p["code"] for p in node["purpose"]} & reading.purposes))
    if "class" in node:
        truths.append(
            some(
                *(
                    row.resource["resourceType"] == c["code"]
                    if c["system"] == "http://hl7.org/fhir/resource-types"
                    else carries(row, c["system"], c["code"])
                    for c in node["class"]
                )
            )
        )
    if "code" in node:
        codings = [c for concept in node["code"] for c in concept["coding"]]
        truths.append(some(*(carries(row, c["system"], c["code"]) for c in codings)))
    if "securityLabel" in node:
        labels = {s["code"] for s in row.resource.get("meta", {}).get("security", ())}
        wanted = {s["code"] for s in node["securityLabel"]}
        truths.append(None if row.past else bool(labels & wanted))
    if "dataPeriod" in node:
        truths.append(overlaps(node["dataPeriod"], row))
    if "data" in node:
        truths.append(some(*(concerned(d, row) for d in node["data"])))
    return every(*truths)


def overlaps(period: Resource, row: Row) -> Truth:
    wanted = period_range(period)
    resource = row.resource
    when = (
        period_range(resource["period"])
        if "period" in resource
        else date_range(resource["effectiveDateTime"])
        if "effectiveDateTime" in resource
        else date_range(resource["onsetDateTime"])
        if "onsetDateTime" in resource
        else None
    )
    if wanted is None:
        return True
    if row.past or when is None:
        return None
    return when.low < wanted.high and when.high > wanted.low


def concerned(data: Resource, row: Row) -> Truth:
    named = data["reference"]["reference"]
    if row.reference == named:
        return True
    if data["meaning"] == "instance":
        return False
    if row.past:
        return None
    pointed = row.resource.get("encounter", {}).get("reference")
    return bool(pointed == named)


def decision(node: Resource, effect: str, row: Row, reading: Reading) -> str | None:
    """'deny', 'permit' or nothing. For rows of which everything is known."""
    if not applies(node, row, reading):
        return None
    inner = {decision(child, child["type"], row, reading) for child in node.get("provision", ())}
    if "deny" in inner:
        return "deny"
    return "permit" if "permit" in inner else effect


def hides(root: Resource, row: Row, reading: Reading) -> bool:
    """For any row: unknown counts as met by what denies, and as not met by what permits."""

    def permitted(node: Resource, around: Truth) -> bool:
        for child in node.get("provision", ()):
            within = every(around, applies(child, row, reading))
            if child["type"] == "permit" and within is True:
                return True
            if permitted(child, within):
                return True
        return False

    def denied(node: Resource, effect: str, around: Truth) -> bool:
        within = every(around, applies(node, row, reading))
        if effect == "deny" and within is not False and not permitted(node, within):
            return True
        return any(denied(child, child["type"], within) for child in node.get("provision", ()))

    return denied(root, root["type"], True)
