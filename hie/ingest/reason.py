"""Why a message could not be accepted, as kept beside it."""

from typing import Any

from hie.errors import Problem
from hie.ingest.hl7v2.fault import MessageError

Reason = list[dict[str, Any]]
"""One entry for each problem: `where`, `en`, `zh`."""


def reason_of(error: Exception) -> Reason:
    """Every problem in `error`, in both languages."""
    if isinstance(error, MessageError):
        return [{"where": error.where, "en": error.text.en, "zh": error.text.zh}]
    if isinstance(error, Problem):
        return [
            {"where": issue.expression, "en": issue.text.en, "zh": issue.text.zh}
            for issue in error.issues
            if issue.severity in ("error", "fatal")
        ]
    return [
        {
            "where": None,
            "en": f"The exchange failed ({type(error).__name__}); the message itself may be right.",
            "zh": f"平台内部错误（{type(error).__name__}），消息本身可能无误。",
        }
    ]
