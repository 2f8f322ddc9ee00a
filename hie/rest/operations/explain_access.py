"""GET [base]/Patient/[id]/$explain-access?resource=Type/id&account=login: why shown, why hidden.

Definition: docs/access.md. Without `account`: which consents hide the entry from anybody.
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.records.explain import Explanation, explain_access
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.respond import answer


async def explain_patient_access(request: Request) -> Response:
    """Parameters with all that decides about one entry."""
    caller = await authenticate(request)
    asked = request.query_params
    found = await explain_access(
        exchange_of(request),
        caller,
        request.path_params["id"],
        asked.get("resource", ""),
        asked.get("account", ""),
    )
    body = {"resourceType": "Parameters", "parameter": _parameters(found)}
    return answer(request, orjson.dumps(body))


def _parameters(found: Explanation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": "institution", "valueString": found.institution},
        *({"name": "label", "valueCode": label} for label in found.labels),
        *(
            {
                "name": "consent",
                "part": [
                    {
                        "name": "reference",
                        "valueReference": {"reference": f"Consent/{one.consent}"},
                    },
                    {"name": "provision", "valueString": one.place},
                    {"name": "excepted", "valueBoolean": one.excepted},
                ],
            }
            for one in found.denials
        ),
        *(
            {
                "name": "opening",
                "part": [
                    {"name": "reason", "valueCode": reason},
                    {"name": "basis", "valueCode": basis},
                ],
            }
            for reason, basis in found.openings
        ),
    ]
    if found.shown is not None:
        parameters += [
            {"name": "confirmed", "valueBoolean": found.confirmed},
            {"name": "shown", "valueBoolean": found.shown},
        ]
    return parameters
