"""From segments to resources. https://hl7.org/fhir/uv/v2mappings/"""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hl7_samples import ID_CARD, adt, oru, samples
from hypothesis import given
from hypothesis import strategies as st

from hie.fhir.validation import validate
from hie.ingest.hl7v2.draft import Manner
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.mapping import is_understood, plan
from hie.ingest.hl7v2.message import parse
from hie.ingest.hl7v2.serialise import from_bytes, to_bytes
from hie.ingest.hl7v2.source import Source

SOURCE = Source("YX-H2")


def _resources(text: str, source: Source = SOURCE) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for draft in plan(parse(text.encode()), source).drafts:
        resource = draft.joined(None)
        assert resource is not None
        assert [i for i in validate(json.loads(to_bytes(resource))) if i.severity == "error"] == []
        found.setdefault(resource["resourceType"], []).append(resource)
    return found


def _result(obx: str) -> dict[str, Any]:
    """The Observation of one OBX, given from OBX-2 on."""
    head = oru().split("OBX|")[0]
    return _resources(f"{head}OBX|1|{obx}\r")["Observation"][0]


def test_every_sample_becomes_valid_resources(shared_data: Path) -> None:
    types: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for body in samples(shared_data):
        message = parse(body)
        if not is_understood(message.header):
            other[message.header.message_type] += 1
            continue
        for draft in plan(message, SOURCE).drafts:
            resource = draft.joined(None)
            assert resource is not None
            assert validate(json.loads(to_bytes(resource))) == []
            types[resource["resourceType"]] += 1
    assert other == {"MDM^T02": 2}
    assert types["Patient"] == 1012  # a merge is about two
    assert types["DiagnosticReport"] == 610
    # 3,413 OBX, of which 90 stand in the two MDM messages, which are not understood.
    assert types["Observation"] == 3323
    assert types["AllergyIntolerance"] == 162


def test_numbers_keep_their_written_form(shared_data: Path) -> None:
    sent: Counter[str] = Counter()
    stored: Counter[str] = Counter()
    for body in samples(shared_data):
        message = parse(body)
        if message.header.type != "ORU":
            continue
        for obx in message.all("OBX"):
            if obx.text(2) == "NM" and obx.text(5):
                sent[obx.text(5).lstrip("<")] += 1
        for draft in plan(message, SOURCE).drafts:
            if "valueQuantity" in draft.resource:
                text = to_bytes({"v": draft.resource["valueQuantity"]["value"]})
                stored[text.decode().removeprefix('{"v":').removesuffix("}")] += 1
    assert sum(sent.values()) == 2702
    assert stored == sent


def test_patient() -> None:
    patient = _resources(adt())["Patient"][0]
    assert patient["identifier"] == [
        {
            "type": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}
                ]
            },
            "system": "urn:hie:institution:YX-H2:patient",
            "value": "P0001",
            "assigner": {"display": "YXZYY"},
        },
        {
            "type": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NI"}
                ]
            },
            "system": "urn:oid:2.16.156.10011.1.3",
            "value": ID_CARD,
        },
    ]
    assert patient["name"] == [{"use": "official", "text": "张伟", "family": "张", "given": ["伟"]}]
    assert patient["gender"] == "male"
    assert patient["birthDate"] == "1985-03-12"
    assert patient["telecom"] == [{"system": "phone", "value": "19900001234", "use": "mobile"}]
    assert patient["address"] == [
        {
            "use": "home",
            "line": ["清河街道1号"],
            "city": "云溪市",
            "state": "云溪省",
            "postalCode": "990101",
            "country": "CHN",
        }
    ]
    assert patient["maritalStatus"]["coding"][0]["code"] == "M"
    assert patient["meta"] == {"source": "urn:hie:hl7v2:YX-H2"}


def test_an_id_card_in_pid_19() -> None:
    text = adt().replace(f"~{ID_CARD}^^^^NI", "").replace("||||M\rPV1", "\rPV1")
    pid = next(line for line in text.split("\r") if line.startswith("PID"))
    longer = pid + "|" * (19 - pid.count("|")) + ID_CARD.lower()
    patient = _resources(text.replace(pid, longer))["Patient"][0]
    assert patient["identifier"][1]["system"] == "urn:oid:2.16.156.10011.1.3"


def test_encounter_and_its_doctor() -> None:
    found = _resources(adt())
    encounter, doctor = found["Encounter"][0], found["Practitioner"][0]
    assert encounter["status"] == "in-progress"
    assert encounter["class"]["code"] == "IMP"
    assert encounter["period"] == {"start": "2026-03-01T08:30:00+08:00"}
    assert encounter["identifier"][0]["value"] == "V100"
    assert encounter["subject"] == {"reference": f"Patient/{found['Patient'][0]['id']}"}
    assert encounter["participant"][0]["individual"] == {
        "reference": f"Practitioner/{doctor['id']}",
        "display": "李敏",
    }
    assert encounter["location"][0]["location"] == {"display": "内科 305 12"}


@pytest.mark.parametrize(
    ("event", "discharged", "status"),
    [
        ("A01", "", "in-progress"),
        ("A04", "", "in-progress"),
        ("A08", "", "in-progress"),
        ("A08", "20260305100000", "finished"),
        ("A03", "20260305100000", "finished"),
        ("A11", "", "cancelled"),
        ("A13", "", "in-progress"),
    ],
)
def test_the_event_decides_the_status(event: str, discharged: str, status: str) -> None:
    encounter = _resources(adt(event, discharged=discharged))["Encounter"][0]
    assert encounter["status"] == status
    assert ("end" in encounter["period"]) == bool(discharged)


def test_an_admission_without_a_visit_has_no_encounter() -> None:
    text = adt("A08", visit="").replace("PV1|1|I", "PV1|1|N")
    assert "Encounter" not in _resources(text)


def test_result_and_report() -> None:
    found = _resources(oru())
    result, report = found["Observation"][0], found["DiagnosticReport"][0]
    assert result["valueQuantity"] == {
        "value": Decimal("5.10"),
        "unit": "mmol/L",
        "system": "http://unitsofmeasure.org",
        "code": "mmol/L",
    }
    assert b'"value":5.10' in to_bytes(result)
    assert result["code"]["coding"] == [
        {"system": "http://loinc.org", "code": "2823-3", "display": "钾"},
        {"system": "urn:hie:institution:YX-H2:codes", "code": "K", "display": "血钾"},
    ]
    bounds = result["referenceRange"][0]
    assert (bounds["text"], str(bounds["low"]["value"]), str(bounds["high"]["value"])) == (
        "3.50-5.30",
        "3.50",
        "5.30",
    )
    assert result["interpretation"][0]["coding"][0]["code"] == "N"
    assert result["effectiveDateTime"] == "2026-03-01T09:30:00+08:00"
    assert result["category"][0]["coding"][0]["code"] == "laboratory"
    assert result["note"] == [{"text": "标本轻度溶血"}]
    assert report["status"] == "final"
    assert report["issued"] == "2026-03-01T11:55:00+08:00"
    assert report["result"] == [{"reference": f"Observation/{result['id']}"}]
    assert report["encounter"] == result["encounter"]


@pytest.mark.parametrize(
    ("obx", "value"),
    [
        ("NM|K||<0.05|mmol/L", {"valueQuantity": {"value": Decimal("0.05"), "comparator": "<", "unit": "mmol/L"}}),
        ("NM|K||+.50", {"valueQuantity": {"value": Decimal("0.50")}}),
        ("NM|K||阴性", {"valueString": "阴性"}),
        ("SN|K||>=^10|g", {"valueQuantity": {"value": Decimal(10), "comparator": ">=", "unit": "g"}}),
        ("SN|K||^1^:^128", {"valueRatio": {"numerator": {"value": Decimal(1)}, "denominator": {"value": Decimal(128)}}}),
        ("SN|K||^2^-^4|/HP", {"valueRange": {"low": {"value": Decimal(2), "unit": "/HP"}, "high": {"value": Decimal(4), "unit": "/HP"}}}),
        ("SN|K||^3^+", {"valueString": "3 +"}),
        ("ST|K||弱阳性", {"valueString": "弱阳性"}),
        (r"FT|K||第一行\.br\第二行", {"valueString": "第一行\n第二行"}),
        ("TX|K||one~two", {"valueString": "one\ntwo"}),
        ("CE|K||A^A型^L", {"valueCodeableConcept": {"coding": [{"system": "urn:hie:institution:YX-H2:codes", "code": "A", "display": "A型"}], "text": "A型"}}),
        ("CWE|K||260385009^Negative^SCT", {"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "260385009", "display": "Negative"}], "text": "Negative"}}),
        ("DT|K||20260301", {"valueDateTime": "2026-03-01"}),
        ("TS|K||202603010915-0500", {"valueDateTime": "2026-03-01T09:15:00-05:00"}),
        ("TM|K||0915", {"valueTime": "09:15:00"}),
        ("NR|K||1^2", {"valueRange": {"low": {"value": Decimal(1)}, "high": {"value": Decimal(2)}}}),
        ("DR|K||20260301^20260302", {"valuePeriod": {"start": "2026-03-01", "end": "2026-03-02"}}),
        ("DT|K||三月", {"valueString": "三月"}),
    ],
)  # fmt: skip
def test_values(obx: str, value: dict[str, Any]) -> None:
    found = _result(obx)
    assert {name: v for name, v in found.items() if name.startswith("value")} == value


@pytest.mark.parametrize(
    ("status", "reason"), [("X", "error"), ("N", "not-asked"), ("F", "unknown")]
)
def test_a_result_without_a_value_says_why(status: str, reason: str) -> None:
    found = _result(f"NM|K||||||||{status}")
    assert found["dataAbsentReason"]["coding"][0]["code"] == reason


def test_a_diagnosis_is_recorded_once() -> None:
    dg1 = "DG1|1||I10^高血压^I10|||F\r"
    known = _draft(adt() + dg1, "Condition").joined(None)
    again = adt("A03", discharged="20260305100000").replace(
        "A03|20260301083000", "A03|20260305100000"
    )
    assert _draft(again + dg1, "Condition").joined(known) == known


@pytest.mark.parametrize(
    ("code", "category"), [("8480-6^收缩压^LN", "vital-signs"), ("2823-3^钾^LN", "laboratory")]
)
def test_category(code: str, category: str) -> None:
    result = _result(f"NM|{code}||5.0|mmol/L")
    assert result["category"][0]["coding"][0]["code"] == category


def test_repeated_codes_are_separate_results() -> None:
    text = oru() + "OBX|2|TX|2823-3||again\rOBX|3|TX|2823-3|2|other sub-id\r"
    results = _resources(text)["Observation"]
    assert len({r["id"] for r in results}) == 3


def test_several_patients_in_one_message() -> None:
    second = oru(number="P0002", filler="L9").split("\r", 1)[1]
    found = _resources(oru() + second)
    assert len(found["Patient"]) == 2
    assert len({r["subject"]["reference"] for r in found["Observation"]}) == 2


def test_diagnoses_and_allergies() -> None:
    text = adt() + (
        "AL1|1|DA|7980^青霉素^L|SV|皮疹~呼吸困难|20200101\rAL1|2|FA||MI\r"
        "DG1|1||I10.x00^原发性高血压^ICD10||20260301|A|||||||||1|D007^李^敏\r"
        "DG1|2||E11.9^2型糖尿病^ICD10||20260301|F|||||||||2|||||X7|D\r"
    )
    found = _resources(text)
    allergy = found["AllergyIntolerance"]
    assert len(allergy) == 1
    assert (allergy[0]["category"], allergy[0]["criticality"]) == (["medication"], "high")
    assert allergy[0]["reaction"] == [{"manifestation": [{"text": "皮疹"}, {"text": "呼吸困难"}]}]
    first, second = found["Condition"]
    assert first["code"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/icd-10"
    assert first["asserter"]["display"] == "李敏"
    assert first["recordedDate"] == "2026-03-01T08:30:00+08:00"
    assert second["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert found["Encounter"][0]["diagnosis"] == [
        {
            "condition": {"reference": f"Condition/{first['id']}"},
            "use": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/diagnosis-role",
                        "code": "AD",
                        "display": "Admission diagnosis",
                    }
                ]
            },
            "rank": 1,
        }
    ]
    assert len(found["Practitioner"]) == 1


@given(st.sampled_from(["A01", "A08"]), st.sampled_from(["YX-H1", "YX-H2"]))
def test_ids_depend_on_institution_and_number_only(event: str, institution: str) -> None:
    first = _resources(adt(event, "1", phone="1"), Source(institution))
    again = _resources(adt("A01", "2", phone="2"), Source(institution))
    other = _resources(adt("A01", "2"), Source("YX-S1"))
    for type_name in ("Patient", "Encounter", "Practitioner"):
        assert first[type_name][0]["id"] == again[type_name][0]["id"] != other[type_name][0]["id"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (adt().replace("|19850312|", "|19851312|"), "PID-7"),
        (adt().replace("|19850312|", "|1985-03-12|"), "PID-7"),
        (adt().replace("|M|||清河", "|?|||清河"), "PID-8"),
        (adt().replace("PID|", "ZZZ|"), "PID"),
        (oru().replace("OBR|", "ZZZ|"), "OBR"),
        (oru().replace("|LAB|F", "|LAB|Z"), "OBR-25"),
        (oru().replace("NM|2823-3^钾^LN^K^血钾^L|", "NM||"), "OBX-3"),
        (adt().replace("P0001^^^YXZYY^PI~" + ID_CARD + "^^^^NI", ""), "PID-3"),
        (adt("A99"), "MSH-9"),
        (adt("A40"), "MRG"),
        (adt("A40") + "MRG|\r", "MRG-1"),
        (adt("A40") + "MRG|P0001^^^YXZYY^PI\r", "MRG-1"),
    ],
)
def test_what_no_rule_covers_is_said_in_both_languages(text: str, where: str) -> None:
    with pytest.raises(UnmappableError) as caught:
        plan(parse(text.encode()), SOURCE)
    assert caught.value.where == where
    assert caught.value.text.en
    assert caught.value.text.zh


def test_a_wrong_date_is_shown_whole() -> None:
    with pytest.raises(UnmappableError, match="1985-03-12 is not a date"):
        plan(parse(adt().replace("|19850312|", "|1985-03-12|").encode()), SOURCE)


@pytest.mark.parametrize(
    "written", ["\uff11\uff19\uff18\uff150312", "19850312000000", "1985 03 12"]
)
def test_ways_of_writing_a_birth_date(written: str) -> None:
    [patient] = _resources(adt().replace("|19850312|", f"|{written}|"))["Patient"]
    assert patient["birthDate"] == "1985-03-12"


def _draft(text: str, type_name: str) -> Any:
    drafts = plan(parse(text.encode()), SOURCE).drafts
    return next(d for d in drafts if d.resource["resourceType"] == type_name)


def test_what_an_update_leaves_out_stays() -> None:
    known = _draft(adt(), "Patient").joined(None)
    update = _draft(
        adt("A08", phone="").replace("清河街道1号^^云溪市^云溪省^990101^CHN^H", ""), "Patient"
    )
    joined = update.joined(known)
    assert joined["address"] == known["address"]
    deletion = _draft(
        adt("A08").replace("清河街道1号^^云溪市^云溪省^990101^CHN^H", '""'), "Patient"
    )
    assert "address" not in deletion.joined(known)


def test_a_discharge_keeps_the_admission_and_an_update_the_discharge() -> None:
    admitted = _draft(adt(), "Encounter").joined(None)
    discharge = adt("A03", discharged="20260305100000").replace("|20260301083000|2026", "||2026")
    discharged = _draft(discharge, "Encounter").joined(admitted)
    period = {"start": "2026-03-01T08:30:00+08:00", "end": "2026-03-05T10:00:00+08:00"}
    assert discharged["period"] == period
    assert discharged["status"] == "finished"
    updated = _draft(adt("A08"), "Encounter").joined(discharged)
    assert (updated["status"], updated["period"]) == ("finished", period)
    reopened = _draft(adt("A13"), "Encounter").joined(discharged)
    assert reopened["status"] == "in-progress"
    assert reopened["period"] == {"start": "2026-03-01T08:30:00+08:00"}


def test_a_merge_retires_the_old_number_and_keeps_its_record() -> None:
    known = _draft(adt(number="P0009"), "Patient").joined(None)
    message = parse((adt("A40") + "MRG|P0009^^^YXZYY^PI\r").encode())
    survivor, old = plan(message, SOURCE).drafts
    assert old.resource["id"] == known["id"]
    joined = old.joined(known)
    assert joined["active"] is False
    link = {"other": {"reference": f"Patient/{survivor.resource['id']}"}, "type": "replaced-by"}
    assert joined["link"] == [link]
    assert joined["identifier"] == known["identifier"]
    # An update under the old number does not bring it back.
    assert _draft(adt("A08", number="P0009"), "Patient").joined(joined)["link"] == [link]
    unknown = old.joined(None)
    assert unknown["identifier"][0]["value"] == "P0009"
    assert validate(unknown) == []


def test_a_late_message_only_fills_gaps() -> None:
    known = _draft(adt("A08", phone="19900009999").replace("||M\rPV1", "\rPV1"), "Patient").joined(
        None
    )
    assert "maritalStatus" not in known
    late = _draft(adt("A01"), "Patient").joined(known, late=True)
    assert late["telecom"] == known["telecom"]
    assert late["maritalStatus"]["coding"][0]["code"] == "M"
    assert _draft(oru(), "Observation").joined({"resourceType": "Observation"}, late=True) is None


def test_a_result_does_not_rewrite_its_patient() -> None:
    draft = _draft(oru(), "Patient")
    assert draft.manner is Manner.BACKGROUND
    assert draft.joined({"resourceType": "Patient", "id": "x"}) is None


def test_a_status_that_becomes_final_keeps_its_value() -> None:
    known = _draft(oru(status="P"), "Observation").joined(None)
    final = _draft(oru(status="U", value=""), "Observation").joined(known)
    assert final["status"] == "final"
    assert final["valueQuantity"] == known["valueQuantity"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_decimals_survive_reading_and_writing(value: Decimal) -> None:
    body = to_bytes({"resourceType": "Observation", "v": value})
    assert to_bytes(from_bytes(body)) == body
