"""Issues as an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from collections.abc import Sequence
from typing import Any

from hie.errors import Issue


def operation_outcome(issues: Sequence[Issue], language: str) -> dict[str, Any]:
    """The R4 resource that tells a caller about `issues`, which must not be empty.

    `details.text` is in the caller's `language` (a tag such as `zh-CN` or `en`); `diagnostics` is
    always English, for the logs of the sending system.
    """
    entries = []
    for issue in issues:
        entry: dict[str, Any] = {
            "severity": issue.severity,
            "code": issue.code,
            "details": {"text": issue.text.in_language(language)},
            "diagnostics": issue.text.en,
        }
        if issue.expression:
            entry["expression"] = [issue.expression]
        entries.append(entry)
    return {"resourceType": "OperationOutcome", "issue": entries}
