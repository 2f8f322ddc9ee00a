"""Issues as an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from collections.abc import Sequence
from typing import Any

from hie.errors import Issue

PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in b"\t\n\r"}
"""What stands for the control characters that no string of FHIR holds, but which a message may quote.

https://hl7.org/fhir/R4/datatypes.html#string, https://www.unicode.org/charts/PDF/U2400.pdf
"""


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
            "details": {"text": issue.text.in_language(language).translate(PICTURES)},
            "diagnostics": issue.text.en.translate(PICTURES),
        }
        if issue.expression:
            entry["expression"] = [issue.expression.translate(PICTURES)]
        entries.append(entry)
    return {"resourceType": "OperationOutcome", "issue": entries}
