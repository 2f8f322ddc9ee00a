"""Validation of resources against the definitions of R4. https://hl7.org/fhir/R4/validation.html

Checked are structure, cardinality, datatypes, choices, required codes of closed value sets, the
form of extensions and references, contained resources and narrative. Invariants in FHIRPath are
evaluated only by who asks for it (`invariants`); other bindings are not checked.
"""

from typing import Any

from hie.errors import Issue, Text
from hie.fhir.definitions import RESOURCE_TYPES
from hie.fhir.validation.structure import resource_check

MOST = 100
"""More problems than this are counted and not listed."""


def validate(resource: dict[str, Any]) -> list[Issue]:
    """Every problem of a resource as orjson parsed it, each with its place; empty if it is valid."""
    try:
        findings = resource_check(resource, {})
    except RecursionError:
        return [Issue("too-costly", Text("nested too deeply", "嵌套过深"))]
    if not findings:
        return []
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    root = name if name in RESOURCE_TYPES else "Resource"
    issues = [finding.issue(root) for finding in findings[:MOST]]
    if len(findings) > MOST:
        text = Text("{count} more problems are not listed", "另有 {count} 个问题未列出")
        issues.append(
            Issue("too-costly", text.format(count=len(findings) - MOST), root, "information")
        )
    return issues
