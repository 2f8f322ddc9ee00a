"""Which parameter gives a resource's primary patient and which its primary date.

The primary patient decides where the row stands: all rows of one patient lie together. The primary
date is kept on the row itself, so that a patient's newest entries are read in order.
"""

from hie.fhir.definitions import patient_compartment, search_parameters

# Tried in this order, then the parameters of the patient compartment in the order of the standard.
# https://hl7.org/fhir/R4/compartmentdefinition-patient.html
PREFERRED_PATIENT = ("patient", "subject")

# The clinically relevant time of each type: https://hl7.org/fhir/R4/fivews.html ("done", else
# "planned", else "recorded"). Only parameters that give at most one value can be chosen.
PRIMARY_DATE = {
    "Account": "period",
    "AdverseEvent": "date",
    "AllergyIntolerance": "date",
    "Appointment": "date",
    "AuditEvent": "date",
    "Basic": "created",
    "Bundle": "timestamp",
    "CarePlan": "date",
    "CareTeam": "date",
    "ChargeItem": "occurrence",
    "Claim": "created",
    "ClaimResponse": "created",
    "ClinicalImpression": "date",
    "Communication": "sent",
    "CommunicationRequest": "authored",
    "Composition": "date",
    "Condition": "onset-date",
    "Consent": "date",
    "CoverageEligibilityRequest": "created",
    "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified",
    "DeviceRequest": "authored-on",
    "DiagnosticReport": "date",
    "DocumentManifest": "created",
    "DocumentReference": "date",
    "Encounter": "date",
    "EpisodeOfCare": "date",
    "ExplanationOfBenefit": "created",
    "FamilyMemberHistory": "date",
    "Flag": "date",
    "Goal": "start-date",
    "ImagingStudy": "started",
    "Immunization": "date",
    "ImmunizationEvaluation": "date",
    "Invoice": "date",
    "List": "date",
    "MeasureReport": "date",
    "Media": "created",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "NutritionOrder": "datetime",
    "Observation": "date",
    "Patient": "birthdate",
    "Person": "birthdate",
    "Procedure": "date",
    "Provenance": "recorded",
    "QuestionnaireResponse": "authored",
    "RelatedPerson": "birthdate",
    "RequestGroup": "authored",
    "RiskAssessment": "date",
    "ServiceRequest": "authored",
    "Slot": "start",
    "SupplyRequest": "date",
    "Task": "authored-on",
    "VisionPrescription": "datewritten",
}


def primary_date(type_name: str) -> str | None:
    """The code of the date parameter kept on the row of this type, if there is one."""
    return PRIMARY_DATE.get(type_name)


def patient_ranks(type_name: str) -> dict[str, int]:
    """The codes of the parameters that can name the patient, with their rank: 0 is tried first.

    A Patient belongs to itself; its parameters (`link`) only make it a member of other records.
    """
    parameters = search_parameters(type_name)
    codes = [
        code
        for code in PREFERRED_PATIENT
        if code in parameters and "Patient" in parameters[code].targets
    ]
    codes += [code for code in patient_compartment(type_name) if code in parameters]
    return {code: rank for rank, code in enumerate(dict.fromkeys(codes))}
