"""What callers read when something is refused."""

from hie.errors import Issue, Text
from hie.fhir.outcome import operation_outcome
from hie.fhir.validation import validate

ISSUES = [
    Issue("value", Text("bad date", "日期错误"), "Patient.birthDate"),
    Issue("too-costly", Text("too many", "过多"), severity="information"),
]


def test_outcome_is_a_valid_resource_in_the_callers_language() -> None:
    chinese = operation_outcome(ISSUES, "zh-CN")
    english = operation_outcome(ISSUES, "en")
    assert validate(chinese) == []
    assert validate(english) == []
    assert [each["details"]["text"] for each in chinese["issue"]] == ["日期错误", "过多"]
    assert [each["details"]["text"] for each in english["issue"]] == ["bad date", "too many"]
    assert [each.get("expression") for each in chinese["issue"]] == [["Patient.birthDate"], None]


def test_every_issue_of_validation_makes_a_valid_outcome() -> None:
    issues = validate({"resourceType": "Patient", "gender": "x", "name": {}, "a": 1, "id": ""})
    assert len(issues) == 4
    assert validate(operation_outcome(issues, "zh")) == []


def test_what_is_quoted_is_told_in_characters_that_a_string_may_hold() -> None:
    quoted = "a\0b\x1f\tc"
    told = operation_outcome([Issue("value", Text(quoted, quoted), f"Patient.{quoted}")], "zh")
    assert validate(told) == []
    [issue] = told["issue"]
    assert issue["details"]["text"] == issue["diagnostics"] == "a␀b␟\tc"
