"""A resident's restrictions: from the form to a Consent, and from a Consent to words.

https://hl7.org/fhir/R4/consent.html; what a Consent means here: docs/access.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hie.access.consent import (
    INSTITUTION,
    NOTICE,
    PARTICIPATION,
    RESOURCE_TYPE,
    ROLE_CODE,
    SCOPE,
)
from hie.errors import Text
from hie.web.record.coded import Resource
from hie.web.record.institution import Institution
from hie.web.record.moment import CHINA, Moment, parse

WHAT: dict[str, tuple[tuple[str, ...], Text]] = {
    "all": ((), Text("my whole record", "全部档案")),
    "diagnosis": (("Condition",), Text("diagnoses", "诊断")),
    "result": (
        ("Observation", "DiagnosticReport"),
        Text("results and reports", "检验检查结果"),
    ),
    "prescription": (
        ("MedicationRequest", "MedicationStatement"),
        Text("prescriptions", "处方与用药"),
    ),
    "document": (("DocumentReference", "Composition"), Text("documents", "医疗文书")),
    "procedure": (("Procedure",), Text("operations and procedures", "手术与操作")),
}
"""What may be hidden as a whole: the types of resources and its name."""

VISIT = "Encounter/"
EVERYBODY = Text("all institutions", "所有机构")
REPRESENTATIVES = "representatives"
WHO_ACT = Text("my guardians and proxies", "我的监护人与代理人")


class Incomplete(ValueError):  # noqa: N818 - it is what the form says
    """The form does not say what is to be hidden, or its dates are none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A restriction in words; `since` is when it was made."""

    id: str
    what: Text
    whom: Text
    kept_by: str
    dates: tuple[str, str]
    since: Moment


def _actor(role: str, code: str, name: str) -> Resource:
    return {
        "role": {"coding": [{"system": PARTICIPATION, "code": role}]},
        "reference": {
            "identifier": {"system": INSTITUTION, "value": code},
            "display": name,
        },
    }


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError as error:
        raise Incomplete from error


def consent(
    patient: str,
    form: Mapping[str, str],
    institutions: Sequence[Institution],
    visits: Mapping[str, str],
) -> Resource:
    """The Consent that the form asks for. Raises `Incomplete`.

    `institutions` and `visits` (Encounter ids with their words) are what the resident could choose.
    """
    known = {one.code: one.name for one in institutions}
    what, whom, kept_by = form.get("what", ""), form.get("whom", ""), form.get("from", "")
    provision: dict[str, Any] = {"type": "deny"}
    actors: list[Resource | None] = []
    if whom == REPRESENTATIVES:
        role = {"coding": [{"system": ROLE_CODE, "code": "GUARD"}]}
        actors.append({"role": role, "reference": {"display": WHO_ACT.zh}})
    elif whom:
        actors.append(_actor("IRCP", whom, known[whom]) if whom in known else None)
    if kept_by:
        actors.append(_actor("CST", kept_by, known[kept_by]) if kept_by in known else None)
    visit = what.removeprefix(VISIT)
    if None in actors or not (what in WHAT or (what.startswith(VISIT) and visit in visits)):
        raise Incomplete
    if actors:
        provision["actor"] = actors
    if what in WHAT and WHAT[what][0]:
        provision["class"] = [{"system": RESOURCE_TYPE, "code": name} for name in WHAT[what][0]]
    if what not in WHAT:
        reference = {"reference": what, "display": visits[visit]}
        provision["data"] = [{"meaning": "related", "reference": reference}]
    start, end = _day(form.get("start", "")), _day(form.get("end", ""))
    if start and end and start > end:
        raise Incomplete
    if start or end:
        provision["dataPeriod"] = {k: v for k, v in (("start", start), ("end", end)) if v}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": datetime.now(CHINA).isoformat(timespec="seconds"),
        "policy": [{"uri": NOTICE}],
        "provision": provision,
    }


def shown(resource: Resource) -> Shown:
    """A restriction in words, as far as these pages can make it; others show as the whole record."""
    provision = resource.get("provision", {})
    types = tuple(c.get("code") for c in provision.get("class", ()))
    what = next((words for kinds, words in WHAT.values() if kinds == types), WHAT["all"][1])
    for data in provision.get("data", ()):
        display = str(data.get("reference", {}).get("display", ""))
        what = Text(f"the visit {display}", f"就诊：{display}")
    names: dict[str, str] = {}
    for actor in provision.get("actor", ()):
        role = next((c.get("code") for c in actor.get("role", {}).get("coding", ())), "")
        reference = actor.get("reference", {})
        names[str(role)] = str(reference.get("display") or reference.get("reference", ""))
    whom = Text(names["IRCP"], names["IRCP"]) if names.get("IRCP") else EVERYBODY
    whom = WHO_ACT if "GUARD" in names else whom
    period = provision.get("dataPeriod", {})
    return Shown(
        str(resource.get("id", "")),
        what,
        whom,
        names.get("CST", ""),
        (str(period.get("start", "")), str(period.get("end", ""))),
        parse(resource.get("dateTime")),
    )
