"""Readable text of an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from typing import Any

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def _translated(details: dict[str, Any], language: str) -> str:
    for extension in details.get("_text", {}).get("extension", ()):
        if extension.get("url") != TRANSLATION:
            continue
        parts = {part.get("url"): part for part in extension.get("extension", ())}
        if str(parts.get("lang", {}).get("valueCode", "")).startswith(language):
            content = parts.get("content", {})
            return str(content.get("valueString") or content.get("valueMarkdown") or "")
    return str(details.get("text", ""))


def messages(outcome: object, language: str) -> list[str]:
    """What each issue says, in `language` ("zh" or "en") where the server translated it."""
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return []
    found = []
    for issue in outcome.get("issue", ()):
        text = _translated(issue.get("details", {}), language) or str(issue.get("diagnostics", ""))
        if text:
            found.append(text)
    return found
