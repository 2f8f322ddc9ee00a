"""The pure part of the portals: FHIR resources to what pages show."""

import gzip
from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.errors import Text
from hie.web.record import coded, entry, institution, measurement, moment, outcome, person, summary
from hie.web.record.institution import Institution
from hie.web.record.timeline import occasions, years
from hie.web.record.trend import chart, series

Resource = dict[str, Any]
STATION = Institution("YX-S1", "清河社区卫生服务中心")
HOSPITAL = Institution("YX-H1", "云溪区第一人民医院")


def owned(by: Institution, resource: Resource) -> Resource:
    tag = {"system": "urn:hie:institution", "code": by.code, "display": by.name}
    return {"id": "1", **resource, "meta": {"tag": [tag]}}


def observation(number: str, value: float, day: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": number,
        "status": "final",
        "code": {
            "text": "糖化血红蛋白",
            "coding": [
                {"system": "urn:local", "code": "A1C"},
                {"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"},
            ],
        },
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "unit": "%", "code": "%"},
        "referenceRange": [{"low": {"value": 4.0}, "high": {"value": 6.0}}],
        **more,
    }


@pytest.mark.parametrize(
    ("text", "day", "time"),
    [
        ("2024", "2024", ""),
        ("2024-03", "2024-03", ""),
        ("2024-03-05", "2024-03-05", ""),
        ("2024-03-05T08:30:00+08:00", "2024-03-05", "08:30"),
        ("2024-03-04T23:30:00Z", "2024-03-05", "07:30"),
        ("2024-03-05T08:30:00.123Z", "2024-03-05", "16:30"),
        ("2024-03-05Tnonsense", "2024-03-05", ""),
        (None, "", ""),
    ],
)
def test_moments_are_shown_in_the_time_of_the_district(
    text: str | None, day: str, time: str
) -> None:
    assert moment.parse(text) == moment.Moment(day, time)


@pytest.mark.parametrize(
    ("day", "first", "words"),
    [
        ("2024-03-05", "2024-03-05", Text("5 Mar", "3月5日")),
        ("2024-12", "2024-12-01", Text("Dec", "12月")),
        ("2024", "2024-01-01", Text("", "")),
        ("", "", Text("", "")),
    ],
)
def test_a_moment_of_any_precision_has_a_first_day_and_words(
    day: str, first: str, words: Text
) -> None:
    assert moment.Moment(day).first_day == first
    assert moment.Moment(day).words == words


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("1958-02-07", (68, "year")),
        ("1958-11-24", (67, "year")),
        ("2025-01-23", (22, "month")),
        ("2024-11-23", (2, "year")),
        ("2026-11-01", (0, "month")),
        ("1958", (68, "year")),
        ("2027-01-01", None),
        ("", None),
    ],
)
def test_age_counts_what_is_completed(born: str, expected: tuple[int, str] | None) -> None:
    assert moment.age(born, date(2026, 11, 23)) == expected


@given(st.text(alphabet="0123456789X０１２", min_size=8, max_size=20))
def test_a_masked_number_keeps_its_length_and_five_characters_at_most(number: str) -> None:
    masked = person.mask(number)
    assert len(masked) == len(number)
    assert len(masked) - masked.count("*") == 5
    assert masked.isascii()


@given(st.text(alphabet="0123456789", max_size=7))
def test_a_short_number_is_masked_wholly(number: str) -> None:
    assert person.mask(number) == "*" * len(number)


def test_a_person_as_a_heading_shows_them() -> None:
    shown = person.person(
        {
            "resourceType": "Patient",
            "id": "7",
            "gender": "male",
            "birthDate": "1958-02-07",
            "name": [
                {"use": "old", "text": "张旧名"},
                {"use": "official", "family": "张", "given": ["明华"]},
            ],
            "identifier": [
                {
                    "system": "urn:oid:2.16.156.10011.1.3",
                    "value": "９９０１０１１９５８０２０７００３Ｘ",
                },
                {"system": "urn:oid:2.16.156.10011.1.3", "value": "99010119580207003X"},
                {"system": "urn:somebody:else", "value": "12345678"},
            ],
            "telecom": [{"system": "phone", "value": "19900000001"}],
            "address": [{"district": "云溪区", "line": ["清河路1号"]}],
        },
        date(2026, 11, 23),
    )
    assert shown.name == "张明华"
    assert shown.identifiers == (("identity_card", "990*************3X"),)
    assert shown.phone == "199******01"
    assert shown.address == "云溪区清河路1号"
    assert person.name_of({"name": [{"family": "Smith", "given": ["Ann"]}]}) == "Ann Smith"


def test_words_are_chinese_for_chinese_readers_and_english_where_there_are_any() -> None:
    concept = {"text": "原发性高血压", "coding": [{"code": "I10", "display": "Hypertension"}]}
    assert coded.words_of(concept) == Text("Hypertension", "原发性高血压")
    assert coded.words_of({"text": "皮疹"}) == Text("皮疹", "皮疹")
    assert coded.words_of(None) == Text("", "")


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("Fasting glucose [Moles/volume] in Serum or Plasma", "Fasting glucose"),
        ("Cholesterol in LDL [Moles/volume] in Serum or Plasma", "Cholesterol in LDL"),
        ("Hemoglobin A1c/Hemoglobin.total in Blood", "Hemoglobin A1c/Hemoglobin.total"),
        ("CBC panel - Blood by Automated count", "CBC panel"),
        ("Body weight", "Body weight"),
    ],
)
def test_loinc_names_are_shown_without_specimen_and_method(long: str, short: str) -> None:
    coding = {"system": coded.LOINC, "code": "x", "display": long}
    assert coded.words_of({"text": "项目", "coding": [coding]}).en == short


def test_results_of_one_test_come_together_by_their_loinc_code() -> None:
    assert coded.key_of(observation("1", 7, "2024")["code"]) == "http://loinc.org|4548-4"
    assert coded.key_of({"coding": [{"system": "urn:a", "code": "b"}]}) == "urn:a|b"
    assert coded.key_of({"text": "糖化"}) == "糖化"


@pytest.mark.parametrize(
    ("part", "text", "flag", "range_text"),
    [
        ({"valueQuantity": {"value": Decimal("7.00"), "unit": "%"}}, "7.00", "", ""),
        ({"valueQuantity": {"value": 5, "comparator": "<"}}, "<5", "", ""),
        ({"valueString": "阴性"}, "阴性", "", ""),
        ({"valueCodeableConcept": {"text": "阳性"}}, "阳性", "", ""),
        ({"valueInteger": 3}, "3", "", ""),
        ({"valueBoolean": True}, "+", "", ""),
        ({"dataAbsentReason": {"text": "未测"}}, "未测", "", ""),
        (
            {"valueQuantity": {"value": 7.2}, "referenceRange": [{"high": {"value": 6.1}}]},
            "7.2", "high", "≤ 6.1",
        ),
        (
            {"valueQuantity": {"value": 3.2}, "referenceRange": [{"low": {"value": 3.9}}]},
            "3.2", "low", "≥ 3.9",
        ),
        (  # the laboratory's own judgement goes before arithmetic
            {
                "valueQuantity": {"value": 7.2},
                "referenceRange": [{"low": {"value": 4}, "high": {"value": 6.1}}],
                "interpretation": [{"coding": [{"code": "N"}]}],
            },
            "7.2", "", "4–6.1",
        ),
        ({"valueString": "+++", "interpretation": [{"coding": [{"code": "A"}]}]}, "+++", "abnormal", ""),
        ({"valueString": "x", "referenceRange": [{"text": "阴性"}]}, "x", "", "阴性"),
    ],
)  # fmt: skip
def test_a_measured_value_as_text(part: Resource, text: str, flag: str, range_text: str) -> None:
    shown = measurement.measurement(part)
    assert (shown.text, shown.flag, shown.range_text) == (text, flag, range_text)


def test_an_observation_without_a_value_of_its_own_shows_its_components() -> None:
    pressure = {
        "code": {"text": "血压"},
        "component": [
            {"code": {"text": "收缩压"}, "valueQuantity": {"value": 132, "unit": "mmHg"}},
            {"code": {"text": "舒张压"}, "valueQuantity": {"value": 84, "unit": "mmHg"}},
        ],
    }
    shown = measurement.measurements(pressure)
    assert [(m.name.zh, m.with_unit) for m in shown] == [
        ("收缩压", "132 mmHg"),
        ("舒张压", "84 mmHg"),
    ]


def test_the_owner_is_the_institution_and_never_the_exchange() -> None:
    assert institution.owner(owned(STATION, {})) == STATION
    assert institution.owner(owned(Institution("exchange", "x"), {})) == institution.UNKNOWN
    assert institution.owner({}) == institution.UNKNOWN


def test_what_was_entered_in_error_is_not_shown() -> None:
    wrong = observation("1", 7, "2024-01-01", status="entered-in-error")
    refuted = {
        "resourceType": "Condition",
        "id": "2",
        "verificationStatus": {"coding": [{"code": "entered-in-error"}]},
    }
    assert entry.entries([wrong, refuted, {"resourceType": "Patient", "id": "3"}]) == []


def examples(shared_data: Path) -> Iterator[Resource]:
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz") as lines:
        for line in lines:
            resource: Resource = orjson.loads(line)
            if resource["resourceType"] in {t for types in entry.KINDS.values() for t in types}:
                yield resource


def test_every_official_example_has_a_line(shared_data: Path) -> None:
    shown = entry.entries(examples(shared_data))
    assert len(shown) > 100
    assert {line.kind for line in shown} == set(entry.KINDS)
    assert sum(1 for line in shown if line.title.zh) > 0.9 * len(shown)
    placed = [e for year in years(shown) for o in year.occasions for e in o.entries]
    visits = [line for line in shown if line.kind == "visit"]
    assert len(placed) + len(visits) == len(shown)


def test_entries_stand_under_their_visit_and_others_under_their_day_and_place() -> None:
    resources = [
        owned(HOSPITAL, {
            "resourceType": "Encounter", "id": "v", "class": {"code": "IMP"},
            "period": {"start": "2024-03-01T09:00:00+08:00"},
            "reasonCode": [{"text": "肺炎"}, {"text": "高血压"}],
        }),
        owned(HOSPITAL, {
            "resourceType": "Condition", "id": "c", "code": {"text": "肺炎"},
            "recordedDate": "2024-03-04", "encounter": {"reference": "Encounter/v"},
        }),
        owned(STATION, {
            "resourceType": "Immunization", "id": "i", "vaccineCode": {"text": "流感疫苗"},
            "occurrenceDateTime": "2025-10-10", "lotNumber": "L1",
            "protocolApplied": [{"doseNumberPositiveInt": 2}],
        }),
        owned(STATION, {
            "resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "青霉素"},
            "recordedDate": "2025-10-10T10:00:00+08:00",
            "reaction": [{"manifestation": [{"text": "皮疹"}]}],
        }),
    ]  # fmt: skip
    by_day, stay = occasions(entry.entries(resources))
    assert by_day.visit is None
    assert by_day.institution == STATION
    assert [(e.kind, e.detail) for e in by_day.entries] == [
        ("vaccination", "#2 · L1"),
        ("allergy", "皮疹"),
    ]
    assert stay.visit is not None
    assert stay.moment == moment.Moment("2024-03-01", "09:00")
    assert [e.title.zh for e in stay.of("diagnosis")] == ["肺炎"]
    assert [reason.zh for reason in stay.reasons] == ["高血压"]
    assert [year.year for year in years(entry.entries(resources))] == ["2025", "2024"]


def test_the_text_of_a_plain_document_is_shown_and_a_broken_one_is_not() -> None:
    def document(data: str) -> Resource:
        attachment = {"contentType": "text/plain", "data": data, "title": "出院小结"}
        kind = {"text": "出院小结"}
        return {
            "resourceType": "DocumentReference",
            "type": kind,
            "content": [{"attachment": attachment}],
        }

    good = entry.entry(document(b64encode("好转出院".encode()).decode()))
    bad = entry.entry(document("!!"))
    assert good is not None
    assert (good.text, good.detail) == ("好转出院", "")
    assert bad is not None
    assert bad.text == ""


def test_a_series_joins_institutions_and_keeps_units_apart() -> None:
    resources = [
        owned(HOSPITAL, observation("1", 9.4, "2022-01-01")),
        owned(STATION, observation("2", 7.1, "2023-01-01")),
        owned(STATION, observation("3", 54, "2023-02-01", valueQuantity={"value": 54, "unit": "mmol/mol"})),
    ]  # fmt: skip
    other, percent = series(entry.entries(resources))
    assert [p.institution for p in percent.points] == [HOSPITAL, STATION]
    assert percent.change == "down"
    assert (other.unit, other.change) == ("mmol/mol", "")


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6, allow_nan=False).map(lambda value: round(value, 3)),
            st.dates(date(1950, 1, 1), date(2026, 12, 31)),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_chart_stays_inside_its_frame(values: list[tuple[float, date]]) -> None:
    resources = [
        observation(str(number), value, day.isoformat())
        for number, (value, day) in enumerate(values)
    ]
    (one,) = series(entry.entries(resources))
    drawn = chart(one, 720, 260)
    assert len(drawn.dots) == len(values)
    for dot in drawn.dots:
        assert 0 <= dot.x <= 720
        assert 0 <= dot.y <= 260
    assert 1 <= len(drawn.levels) <= 12
    assert 1 <= len(drawn.marks) <= 9
    assert all(0 <= x <= 720 for x, _ in drawn.marks)


def test_the_summary_takes_the_last_status_that_was_stated() -> None:
    def condition(number: str, name: str, day: str, status: str | None) -> Resource:
        stated = {"clinicalStatus": {"coding": [{"code": status}]}} if status else {}
        return {"resourceType": "Condition", "id": number, "code": {"text": name},
                "recordedDate": day, **stated}  # fmt: skip

    lines = entry.entries(
        [
            owned(HOSPITAL, condition("1", "高血压", "2020-01-01", "active")),
            owned(STATION, condition("2", "高血压", "2024-01-01", None)),
            owned(HOSPITAL, condition("3", "肺炎", "2020-01-01", "active")),
            owned(HOSPITAL, condition("4", "肺炎", "2020-02-01", "resolved")),
        ]
    )
    (ongoing,) = summary.problems(lines)
    assert ongoing.title.zh == "高血压"
    assert ongoing.since.day == "2020-01-01"
    assert ongoing.institutions == (STATION, HOSPITAL)
    assert ongoing.times == 2


def test_an_outcome_is_read_in_the_readers_language() -> None:
    translation = {
        "url": outcome.TRANSLATION,
        "extension": [
            {"url": "lang", "valueCode": "zh-CN"},
            {"url": "content", "valueString": "没有找到"},
        ],
    }
    told = {
        "resourceType": "OperationOutcome",
        "issue": [
            {"details": {"text": "Not found", "_text": {"extension": [translation]}}},
            {"diagnostics": "row 7"},
        ],
    }
    assert outcome.messages(told, "zh") == ["没有找到", "row 7"]
    assert outcome.messages(told, "en") == ["Not found", "row 7"]
    assert outcome.messages("<html>", "en") == []
