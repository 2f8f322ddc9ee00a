"""A visit as FHIR resources, for the institutions that send FHIR.

Encounter, Condition, Observation, DiagnosticReport, MedicationRequest, Immunization, Procedure,
AllergyIntolerance and DocumentReference of https://hl7.org/fhir/R4/resourcelist.html. The ids are
the sender's own, so that sending again changes nothing.
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import sha1
from typing import Any

from hie.demo.clinical import DIASTOLIC, SYSTOLIC, Analyte, Diagnosis, Medicine
from hie.demo.institutions import BY_CODE, OID, Resource
from hie.demo.registration import Registration
from hie.demo.visits import Report, Visit

_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLASSES = {
    "AMB": ("ambulatory", "门诊"),
    "EMER": ("emergency", "急诊"),
    "IMP": ("inpatient encounter", "住院"),
    "HH": ("home health", "家庭访视"),
}
_FLAGS = {"L": ("Low", "偏低"), "N": ("Normal", "正常"), "H": ("High", "偏高")}
_ATC_PENICILLINS = "J01C"


def coded(system: str, code: str, display: str, text: str) -> Resource:
    """A CodeableConcept: the standard's English display, the Chinese text."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text}


def _hl7(system: str, code: str, display: str | None = None) -> Resource:
    coding = {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}
    return {"coding": [coding | ({"display": display} if display else {})]}


def _diagnosis(diagnosis: Diagnosis) -> Resource:
    return coded(
        "http://hl7.org/fhir/sid/icd-10", diagnosis.code, diagnosis.english, diagnosis.name
    )


def _quantity(analyte: Analyte, value: float) -> Resource:
    return {
        "value": int(value) if analyte.decimals == 0 else value,
        "unit": analyte.shown_unit,
        "system": "http://unitsofmeasure.org",
        "code": analyte.unit,
    }


class Sender:
    """Turns the visits of one resident at one institution into resources, oldest visit first."""

    def __init__(self, registration: Registration, until: date) -> None:
        self.institution = BY_CODE[registration.institution]
        self.base = registration.patient
        self.patient = {
            "reference": f"Patient/{registration.patient}",
            "display": registration.name.text,
        }
        self.until = until
        self.visits = 0
        self.known: set[str] = set()  # chronic diagnoses and allergies already on record

    def resources(self, visit: Visit) -> Iterator[Resource]:
        """Every resource of the next visit, the Encounter first."""
        self.visits += 1
        base = f"{self.base}-{self.visits}"
        start = visit.start.isoformat()
        doctor = {
            "reference": f"Practitioner/{visit.doctor.id}",
            "display": visit.doctor.name.text,
        }
        encounter = {"reference": f"Encounter/{base}"}
        yield self._encounter(visit, base, doctor)
        yield from self._conditions(visit, base, start, encounter)
        yield from self._vitals(visit, base, start, encounter)
        for number, report in enumerate(visit.reports, 1):
            yield from self._report(report, visit, f"{base}-r{number}", encounter)
        for number, (medicine, days) in enumerate(visit.medicines, 1):
            supplied_until = visit.start.date() + timedelta(days=days)
            yield {
                "resourceType": "MedicationRequest",
                "id": f"{base}-m{number}",
                "status": "active" if supplied_until >= self.until else "completed",
                "intent": "order",
                "medicationCodeableConcept": coded(
                    "http://www.whocc.no/atc", medicine.atc, medicine.english, medicine.name
                ),
                "subject": self.patient,
                "encounter": encounter,
                "authoredOn": start,
                "requester": doctor,
                "dosageInstruction": [_dosage(medicine)],
                "dispenseRequest": {
                    "expectedSupplyDuration": {
                        "value": days,
                        "unit": "天",
                        "system": "http://unitsofmeasure.org",
                        "code": "d",
                    }
                },
            }
        if visit.vaccine:
            vaccine, dose = visit.vaccine
            yield {
                "resourceType": "Immunization",
                "id": f"{base}-i",
                "status": "completed",
                "vaccineCode": coded(
                    "http://hl7.org/fhir/sid/cvx", vaccine.cvx, vaccine.english, vaccine.name
                ),
                "patient": self.patient,
                "encounter": encounter,
                "occurrenceDateTime": start,
                "primarySource": True,
                "lotNumber": f"DEMO{visit.start:%Y%m}",
                "performer": [{"actor": doctor}],
                "protocolApplied": [{"doseNumberPositiveInt": dose}],
            }
        if visit.operation:
            yield {
                "resourceType": "Procedure",
                "id": f"{base}-p",
                "status": "completed",
                "code": coded(
                    "http://hl7.org/fhir/sid/icd-9-cm",
                    visit.operation.code,
                    visit.operation.english,
                    visit.operation.name,
                ),
                "subject": self.patient,
                "encounter": encounter,
                "performedDateTime": (visit.start + timedelta(hours=20)).isoformat(),
                "performer": [{"actor": doctor}],
            }
        if visit.note:
            yield self._document(visit.note, visit.start, base, encounter, doctor)

    def _encounter(self, visit: Visit, base: str, doctor: Resource) -> Resource:
        english, chinese = _CLASSES[visit.kind]
        department = self.institution.department(visit.doctor.department)
        number = "1.12" if visit.kind == "IMP" else "1.11"
        end = visit.start + timedelta(days=visit.nights, minutes=25)
        result: Resource = {
            "resourceType": "Encounter",
            "id": base,
            "identifier": [{"system": f"{OID}{number}", "value": base.upper()}],
            "status": "finished",
            "class": {"system": _ACT, "code": visit.kind, "display": english},
            "type": [{"text": chinese}],
            "serviceType": coded(
                f"{OID}1.26", department.code, department.english, department.name
            ),
            "subject": self.patient,
            "participant": [{"individual": doctor}],
            "period": {"start": visit.start.isoformat(), "end": end.isoformat()},
            "location": [
                {
                    "location": {
                        "reference": f"Location/{self.institution.id}-{department.code}",
                        "display": department.name,
                    }
                }
            ],
            "serviceProvider": {
                "reference": f"Organization/{self.institution.id}",
                "display": self.institution.name,
            },
        }
        if visit.diagnoses:
            result["reasonCode"] = [_diagnosis(diagnosis) for diagnosis in visit.diagnoses]
        return result

    def _conditions(
        self, visit: Visit, base: str, start: str, encounter: Resource
    ) -> Iterator[Resource]:
        for number, diagnosis in enumerate(visit.diagnoses, 1):
            if diagnosis.code in self.known:
                continue
            if diagnosis.chronic:
                self.known.add(diagnosis.code)
            yield {
                "resourceType": "Condition",
                "id": f"{base}-c{number}",
                "clinicalStatus": _hl7("condition-clinical", "active" if diagnosis.chronic else "resolved"),
                "verificationStatus": _hl7("condition-ver-status", "confirmed"),
                "category": [_hl7("condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
                "code": _diagnosis(diagnosis),
                "subject": self.patient,
                "encounter": encounter,
                "onsetDateTime": start[:10],
                "recordedDate": start,
            }  # fmt: skip
        if visit.allergy and visit.allergy not in self.known:
            self.known.add(visit.allergy)
            code: Resource = {"text": visit.allergy}
            if visit.allergy == "青霉素":
                code = coded(
                    "http://www.whocc.no/atc", _ATC_PENICILLINS,
                    "Beta-lactam antibacterials, penicillins", visit.allergy,
                )  # fmt: skip
            yield {
                "resourceType": "AllergyIntolerance",
                "id": f"{base}-a",
                "clinicalStatus": _hl7("allergyintolerance-clinical", "active"),
                "verificationStatus": _hl7("allergyintolerance-verification", "confirmed"),
                "type": "allergy",
                "category": ["food" if visit.allergy == "海鲜" else "medication"],
                "criticality": "low" if visit.allergy == "海鲜" else "high",
                "code": code,
                "patient": self.patient,
                "encounter": encounter,
                "recordedDate": start,
                "reaction": [{"manifestation": [{"text": "皮疹"}], "severity": "moderate"}],
            }

    def _observation(
        self, id_: str, analyte: Analyte, category: str, moment: str, encounter: Resource
    ) -> Resource:
        code = coded("http://loinc.org", analyte.loinc, analyte.english, analyte.name)
        code["coding"].append(
            {
                "system": f"urn:hie:institution:{self.institution.code}:laboratory",
                "code": analyte.local,
                "display": analyte.name,
            }
        )
        return {
            "resourceType": "Observation",
            "id": id_,
            "status": "final",
            "category": [_hl7("observation-category", category)],
            "code": code,
            "subject": self.patient,
            "encounter": encounter,
            "effectiveDateTime": moment,
        }

    def _vitals(
        self, visit: Visit, base: str, start: str, encounter: Resource
    ) -> Iterator[Resource]:
        for number, (analyte, value) in enumerate(visit.vitals, 1):
            if analyte is DIASTOLIC:
                continue  # a component of the blood pressure, below
            category = "laboratory" if analyte.local == "FPG" else "vital-signs"
            result = self._observation(f"{base}-v{number}", analyte, category, start, encounter)
            if analyte is SYSTOLIC:
                result["code"] = coded(
                    "http://loinc.org", "85354-9",
                    "Blood pressure panel with all children optional", "血压",
                )  # fmt: skip
                result["component"] = [
                    {
                        "code": coded("http://loinc.org", part.loinc, part.english, part.name),
                        **_result(part, measured),
                    }
                    for part, measured in visit.vitals
                    if part in (SYSTOLIC, DIASTOLIC)
                ]
            else:
                result |= _result(analyte, value)
            yield result

    def _report(
        self, report: Report, visit: Visit, base: str, encounter: Resource
    ) -> Iterator[Resource]:
        moment = visit.start.isoformat()
        results = []
        for number, (analyte, value) in enumerate(report.values, 1):
            id_ = f"{base}-{number}"
            results.append({"reference": f"Observation/{id_}", "display": analyte.name})
            yield self._observation(id_, analyte, "laboratory", moment, encounter) | _result(
                analyte, value
            )
        code = coded(
            "http://loinc.org", report.panel.loinc, report.panel.english, report.panel.name
        )
        yield {
            "resourceType": "DiagnosticReport",
            "id": base,
            "status": "final",
            "category": [_hl7("v2-0074", "LAB", "Laboratory")],
            "code": code,
            "subject": self.patient,
            "encounter": encounter,
            "effectiveDateTime": moment,
            "issued": (visit.start + timedelta(hours=3)).isoformat(),
            "performer": [
                {
                    "reference": f"Organization/{self.institution.id}",
                    "display": self.institution.name,
                }
            ],
            "result": results,
        }

    def _document(
        self, note: str, start: datetime, base: str, encounter: Resource, doctor: Resource
    ) -> Resource:
        data = note.encode()
        return {
            "resourceType": "DocumentReference",
            "id": f"{base}-d",
            "status": "current",
            "type": coded("http://loinc.org", "18842-5", "Discharge summary", "出院小结"),
            "subject": self.patient,
            "date": (start + timedelta(days=5)).isoformat(),
            "author": [doctor],
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "language": "zh-CN",
                        "data": b64encode(data).decode(),
                        "size": len(data),
                        # FHIR R4 fixes the algorithm of Attachment.hash: SHA-1.
                        "hash": b64encode(sha1(data, usedforsecurity=False).digest()).decode(),
                        "title": "出院小结",
                    }
                }
            ],
            "context": {"encounter": [encounter]},
        }


def _result(analyte: Analyte, value: float) -> Resource:
    """Value, interpretation and reference range of a measurement."""
    result: Resource = {"valueQuantity": _quantity(analyte, value)}
    if analyte.low is None and analyte.high is None:
        return result
    flag = analyte.flag(value)
    english, chinese = _FLAGS[flag]
    interpretation = _hl7("v3-ObservationInterpretation", flag, english)
    limits = {"low": analyte.low, "high": analyte.high}
    result["interpretation"] = [interpretation | {"text": chinese}]
    result["referenceRange"] = [
        {name: _quantity(analyte, limit) for name, limit in limits.items() if limit is not None}
    ]
    return result


def _dosage(medicine: Medicine) -> dict[str, Any]:
    return {
        "text": medicine.dosage,
        "timing": {"repeat": {"frequency": medicine.times_a_day, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": medicine.dose, "unit": medicine.unit}}],
    }
