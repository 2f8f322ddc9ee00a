"""Every problem the exchange reports, in English and Chinese, with its place.

A `Problem` carries what an OperationOutcome needs: https://hl7.org/fhir/R4/operationoutcome.html
Codes are those of http://hl7.org/fhir/ValueSet/issue-type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["fatal", "error", "warning", "information"]


class Text(NamedTuple):
    """One message in both languages; `{name}` placeholders are the same in each."""

    en: str
    zh: str

    def format(self, **values: object) -> "Text":
        """Fill the placeholders of both languages with the same values."""
        return Text(self.en.format(**values), self.zh.format(**values))

    def in_language(self, language: str) -> str:
        """The text for `language`, a tag such as `zh`, `zh-CN` or `en`."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Issue:
    """One entry of an OperationOutcome. `expression` is a FHIRPath such as `Patient.name[0].use`."""

    code: str
    text: Text
    expression: str | None = None
    severity: Severity = "error"


class Problem(Exception):  # noqa: N818 - it is an answer to the caller, not only an error
    """A request that cannot be answered as asked. Raising one rolls the transaction back."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(issue.text.en for issue in issues))
        self.status = status
        self.issues = tuple(issues)


def problem(status: int, code: str, en: str, zh: str, expression: str | None = None) -> Problem:
    """A `Problem` with a single issue; the usual way to build one."""
    return Problem(status, [Issue(code, Text(en, zh), expression)])
