"""One line of the lifelong record, from any of the clinical resource types the portals show."""

from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hie.errors import Text
from hie.web.record.coded import (
    Resource,
    codes_of,
    displays_of,
    key_of,
    reference_of,
    same,
    text_of,
    words_of,
)
from hie.web.record.institution import Institution, owner
from hie.web.record.measurement import Measurement, measurements
from hie.web.record.moment import Moment, first_of


@dataclass(frozen=True, slots=True)
class Entry:
    """What is shown of a resource; `reference` is its `Type/id`, `code` groups what is of one kind.

    `reasons` are those of a visit, `text` is the wording of a document.
    """

    reference: str
    kind: str
    moment: Moment
    title: Text
    institution: Institution
    detail: str = ""
    visit: str | None = None
    people: tuple[str, ...] = ()
    values: tuple[Measurement, ...] = ()
    code: str = ""
    status: str = ""
    categories: frozenset[str] = frozenset()
    reasons: tuple[Text, ...] = ()
    text: str = ""

    @property
    def vital(self) -> bool:
        """Whether it is a vital sign and not a laboratory result."""
        return "vital-signs" in self.categories


KINDS: dict[str, tuple[str, ...]] = {
    "visit": ("Encounter",),
    "diagnosis": ("Condition",),
    "result": ("Observation", "DiagnosticReport"),
    "prescription": ("MedicationRequest",),
    "vaccination": ("Immunization",),
    "allergy": ("AllergyIntolerance",),
    "procedure": ("Procedure",),
    "document": ("DocumentReference",),
}
"""The kinds of entry, in the order in which one day lists them, with the types they come from."""

_ENTERED_IN_ERROR = "entered-in-error"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _entry(
    resource: Resource,
    kind: str,
    moment: Moment,
    title: Text,
    *,
    detail: str = "",
    people: tuple[str, ...] = (),
    values: tuple[Measurement, ...] = (),
    code: str = "",
    status: str = "",
    categories: frozenset[str] = frozenset(),
) -> Entry:
    return Entry(
        reference=f"{resource['resourceType']}/{resource.get('id', '')}",
        kind=kind,
        moment=moment,
        title=title,
        institution=owner(resource),
        detail=detail,
        visit=reference_of(resource, "encounter"),
        people=people,
        values=values,
        code=code,
        status=status,
        categories=categories,
    )


def _visit_title(resource: Resource) -> Text:
    """The department: service type, else place, else the type of the encounter."""
    if service := resource.get("serviceType"):
        return words_of(service)
    for place in displays_of([p.get("location", {}) for p in resource.get("location", ())]):
        return same(place)
    return words_of(next(iter(resource.get("type", ())), None))


def _visit(resource: Resource) -> Entry:
    reference = f"Encounter/{resource.get('id', '')}"
    people = [p.get("individual", {}) for p in resource.get("participant", ())]
    return Entry(
        reference=reference,
        kind="visit",
        moment=first_of(resource, "period"),
        title=_visit_title(resource),
        institution=owner(resource),
        visit=reference,
        people=displays_of(people),
        code=str(resource.get("class", {}).get("code", "")),
        status=str(resource.get("status", "")),
        reasons=tuple(words_of(reason) for reason in resource.get("reasonCode", ())),
    )


def _diagnosis(resource: Resource) -> Entry:
    moment = first_of(resource, "recordedDate", "onsetDateTime", "onsetPeriod")
    status = next(iter(codes_of(resource.get("clinicalStatus"))), "")
    return _entry(
        resource,
        "diagnosis",
        moment,
        words_of(resource.get("code")),
        detail=_joined(
            text_of(resource.get("severity")),
            "、".join(n["text"] for n in resource.get("note", ()) if n.get("text")),
        ),
        people=displays_of(resource.get("recorder") or resource.get("asserter")),
        code=key_of(resource.get("code")),
        status=status,
    )


def _result(resource: Resource) -> Entry:
    return _entry(
        resource,
        "result",
        first_of(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
        words_of(resource.get("code")),
        people=displays_of(resource.get("performer")),
        values=measurements(resource),
        code=key_of(resource.get("code")),
        status=str(resource.get("status", "")),
        categories=codes_of(resource.get("category")),
    )


def _report(resource: Resource) -> Entry:
    return _entry(
        resource,
        "result",
        first_of(resource, "effectiveDateTime", "effectivePeriod", "issued"),
        words_of(resource.get("code")),
        detail=str(resource.get("conclusion", "")),
        people=displays_of(resource.get("performer")),
        code=key_of(resource.get("code")),
        status=str(resource.get("status", "")),
        categories=codes_of(resource.get("category")),
    )


def _referenced_medication(resource: Resource) -> Text:
    """The display of the reference, else the name of the Medication inside the resource."""
    reference = resource.get("medicationReference") or {}
    for display in displays_of(reference):
        return same(display)
    for inside in resource.get("contained", ()):
        if reference.get("reference") == f"#{inside.get('id')}":
            return words_of(inside.get("code"))
    return same("")


def _prescription(resource: Resource) -> Entry:
    medication = resource.get("medicationCodeableConcept")
    title = words_of(medication) if medication else _referenced_medication(resource)
    dosages = [
        d.get("text") or d.get("patientInstruction") or _dosage(d)
        for d in resource.get("dosageInstruction", ())
    ]
    return _entry(
        resource,
        "prescription",
        first_of(resource, "authoredOn"),
        title,
        detail="；".join(str(d) for d in dosages if d),
        people=displays_of(resource.get("requester")),
        code=key_of(medication) or title.zh,
        status=str(resource.get("status", "")),
    )


def _dosage(dosage: Resource) -> str:
    doses = [d.get("doseQuantity", {}) for d in dosage.get("doseAndRate", ())]
    amounts = [f"{d.get('value', '')} {d.get('unit', '')}".strip() for d in doses]
    repeat = dosage.get("timing", {}).get("repeat", {})
    often = (
        f"{repeat['frequency']} × / {repeat.get('period', 1)} {repeat.get('periodUnit', '')}".strip()
        if repeat.get("frequency")
        else text_of(dosage.get("timing", {}).get("code"))
    )
    return _joined(text_of(dosage.get("route")), *amounts, often)


def _vaccination(resource: Resource) -> Entry:
    doses = [
        str(p.get("doseNumberPositiveInt") or p.get("doseNumberString") or "")
        for p in resource.get("protocolApplied", ())
    ]
    return _entry(
        resource,
        "vaccination",
        first_of(resource, "occurrenceDateTime", "recorded"),
        words_of(resource.get("vaccineCode")),
        detail=_joined(*(f"#{d}" for d in doses if d), str(resource.get("lotNumber", ""))),
        people=displays_of([p.get("actor", {}) for p in resource.get("performer", ())]),
        code=key_of(resource.get("vaccineCode")),
        status=str(resource.get("status", "")),
    )


def _allergy(resource: Resource) -> Entry:
    reactions = [
        text_of(sign) for r in resource.get("reaction", ()) for sign in r.get("manifestation", ())
    ]
    return _entry(
        resource,
        "allergy",
        first_of(resource, "recordedDate", "onsetDateTime", "lastOccurrence"),
        words_of(resource.get("code")),
        detail="、".join(filter(None, reactions)),
        people=displays_of(resource.get("recorder")),
        code=key_of(resource.get("code")),
        status=next(iter(codes_of(resource.get("clinicalStatus"))), ""),
        categories=frozenset(filter(None, [resource.get("criticality")])),
    )


def _procedure(resource: Resource) -> Entry:
    return _entry(
        resource,
        "procedure",
        first_of(resource, "performedDateTime", "performedPeriod"),
        words_of(resource.get("code")),
        people=displays_of([p.get("actor", {}) for p in resource.get("performer", ())]),
        code=key_of(resource.get("code")),
        status=str(resource.get("status", "")),
    )


def _wording(attachment: Resource) -> str:
    """The text of a plain text attachment that is kept inside the resource, else ""."""
    if not str(attachment.get("contentType", "")).startswith("text/plain"):
        return ""
    try:
        return b64decode(str(attachment.get("data", ""))).decode()
    except (ValueError, UnicodeDecodeError):
        return ""


def _document(resource: Resource) -> Entry:
    attachments = [content.get("attachment", {}) for content in resource.get("content", ())]
    title = words_of(resource.get("type") or {"text": resource.get("description", "")})
    names = [str(a["title"]) for a in attachments if a.get("title") not in (None, title.zh)]
    encounters = resource.get("context", {}).get("encounter", ())
    return Entry(
        reference=f"DocumentReference/{resource.get('id', '')}",
        kind="document",
        moment=first_of(resource, "date"),
        title=title,
        institution=owner(resource),
        detail=_joined(*names),
        visit=reference_of({"encounter": next(iter(encounters), None)}, "encounter"),
        people=displays_of(resource.get("author")),
        status=str(resource.get("status", "")),
        text="\n".join(filter(None, map(_wording, attachments))),
    )


_READERS: dict[str, Callable[[Resource], Entry]] = {
    "Encounter": _visit,
    "Condition": _diagnosis,
    "Observation": _result,
    "DiagnosticReport": _report,
    "MedicationRequest": _prescription,
    "Immunization": _vaccination,
    "AllergyIntolerance": _allergy,
    "Procedure": _procedure,
    "DocumentReference": _document,
}


def entry(resource: Resource) -> Entry | None:
    """The line for a resource; None for types without one and for what was entered in error."""
    read = _READERS.get(str(resource.get("resourceType")))
    if read is None:
        return None
    if _ENTERED_IN_ERROR in (
        resource.get("status"),
        *codes_of(resource.get("verificationStatus")),
    ):
        return None
    return read(resource)


def entries(resources: Iterable[Resource]) -> list[Entry]:
    """The lines of all the resources that have one, in the order given."""
    return [line for line in map(entry, resources) if line is not None]
