"""GET [base]/OperationDefinition/hie-[code]: the operations that only this exchange has.

https://hl7.org/fhir/R4/operationdefinition.html. What they are for: docs/access.md, docs/identity.md.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.rest.authenticate import exchange_of
from hie.rest.operations.table import OPERATIONS, OWN, Operation
from hie.rest.respond import answer

PREFIX = "hie-"
PARAMETER = re.compile(r"(\w+):(\w+)([?*+]?)")
CARDINALITY = {"": (1, "1"), "?": (0, "1"), "*": (0, "*"), "+": (1, "*")}
PATIENT = "patient:Reference reason:string"
OTHER = "other:Reference reason:string"

DESCRIBED: Mapping[str, tuple[str, str]] = {
    "open-record": (
        "Opens the person's record to the calling clinician: by the resident's code, or in an emergency",
        "reason:code note:string? code:string? hours:integer?",
    ),
    "close-record": ("Ends the calling clinician's openings of the record", ""),
    "confirm-sensitive": ("Shows the sensitive part of the open record", "note:string"),
    "explain-access": (
        "Why an entry is shown or hidden, to the one of this account or to anybody",
        "resource:string account:string?",
    ),
    "visit-code": ("A code that the calling resident says to a clinician", ""),
    "emergencies": ("Emergency openings of one's own record, or those that wait for review", ""),
    "emergency-reads": ("What was done under an emergency opening", "number:integer"),
    "review-emergency": (
        "Closes an emergency opening with a verdict",
        "number:integer verdict:code remark:string?",
    ),
    "representatives": ("Who acts for the calling resident, and for whom the resident acts", ""),
    "invite-proxy": (
        "A code by which somebody of this name accepts to act for the resident",
        "name:string action:code+ until:date",
    ),
    "proxy-invitation": ("What an invitation's code stands for", "code:string"),
    "accept-proxy": ("Accepts an invitation", "code:string"),
    "end-representation": (
        "Ends a representation, or withdraws an invitation: by the number of one of them",
        "number:integer? invitation:integer?",
    ),
    "link": ("Links a source Patient to this person", PATIENT),
    "unlink": ("Takes a source Patient away from this person", PATIENT),
    "merge": ("Merges another golden Patient into this one", OTHER),
    "unmerge": ("Undoes the merge of another golden Patient into this one", OTHER),
    "not-duplicate": ("States that another golden Patient is another person", OTHER),
    "link-history": ("Every change of the person's links, oldest first", ""),
    "candidates": ("Who else may be this person, and why", "_count:integer?"),
    "reviews": (
        "The queue of doubtful pairs, the most probable first",
        "reason:code? guard:code? _count:integer? _offset:integer?",
    ),
    "review": ("One doubtful pair with all that speaks for and against it", "number:integer"),
    "decide-review": ("Decides a review", "number:integer decision:code reason:string"),
    "second-reviews": ("Decided reviews that wait for a second opinion", "number:integer?"),
    "second-opinion": (
        "Keeps a second opinion; it changes no link",
        "number:integer verdict:code reason:string",
    ),
    "reviewer-agreement": ("How far two reviewers of one case agree", ""),
}
"""By code, what the operation does and its parameters: `name:type`, with `?` 0..1, `*` 0..*, `+` 1..*."""


def canonical(fhir_base: str, operation: Operation) -> str:
    """Where the operation is defined: by HL7 or IHE, or here."""
    if not operation.definition.startswith(OWN):
        return operation.definition
    return f"{fhir_base}/OperationDefinition/{PREFIX}{operation.code}"


def definition(fhir_base: str, operation: Operation) -> dict[str, Any]:
    """The OperationDefinition of one of the exchange's own operations."""
    description, parameters = DESCRIBED[operation.code]
    [(method, path, _)] = operation.routes
    return {
        "resourceType": "OperationDefinition",
        "id": f"{PREFIX}{operation.code}",
        "url": canonical(fhir_base, operation),
        "name": "".join(map(str.capitalize, operation.code.split("-"))),
        "title": f"${operation.code}",
        "status": "active",
        "kind": "operation",
        "description": description,
        "affectsState": method == "POST",
        "code": operation.code,
        "resource": [operation.type],
        "system": False,
        "type": "{id}" not in path,
        "instance": "{id}" in path,
        "parameter": [
            *(
                _parameter(name, "in", kind, *CARDINALITY[times])
                for name, kind, times in PARAMETER.findall(parameters)
            ),
            _parameter("return", "out", "Parameters", 1, "1"),
        ],
    }


def _parameter(name: str, use: str, kind: str, least: int, most: str) -> dict[str, Any]:
    return {"name": name, "use": use, "min": least, "max": most, "type": kind}


_BY_ID = {f"{PREFIX}{one.code}": one for one in OPERATIONS if one.definition.startswith(OWN)}


async def operation_definition(request: Request) -> Response:
    """The definition at this address; like the CapabilityStatement it needs no token."""
    operation = _BY_ID[request.url.path.rstrip("/").rpartition("/")[2]]
    found = definition(exchange_of(request).settings.fhir_base, operation)
    return answer(request, orjson.dumps(found))


ROUTES = tuple(("GET", f"/OperationDefinition/{name}", operation_definition) for name in _BY_ID)
