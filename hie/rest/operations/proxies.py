"""Who acts for whom, as residents see and decide it. Definitions: docs/access.md

GET  [base]/Patient/$representatives        both lists, each with its Consent, and open invitations
POST [base]/Patient/$invite-proxy           name, action*, until: a code to hand over
POST [base]/Patient/$proxy-invitation       code: who invites, for what, until when
POST [base]/Patient/$accept-proxy           code
POST [base]/Patient/$end-representation     number, or invitation
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.invitation import Invitation
from hie.errors import problem
from hie.kit.clock import instant
from hie.records import proxies
from hie.records.representation import Relative
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.operations.parameters import Parameters, read_parameters
from hie.rest.respond import answer

ROLES = {"guardian": "GUARD", "proxy": "HPOWATT"}
"""http://terminology.hl7.org/CodeSystem/v3-RoleCode"""
ACTIONS = {"read": "access", "consent": "disclose", "contribute": "collect"}
"""http://terminology.hl7.org/CodeSystem/consentaction"""
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def _parameters(request: Request, *parameters: dict[str, Any]) -> Response:
    given = {"parameter": list(parameters)} if parameters else {}
    return answer(request, orjson.dumps({"resourceType": "Parameters", **given}))


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def consent_of(person: str, representative: str, one: Relative) -> dict[str, Any]:
    """The representation as a Consent: the person permits these actions to the representative."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": _coded("consentscope", "patient-privacy"),
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{person}"},
        "dateTime": instant(one.since),
        "policy": [{"uri": f"urn:hie:representation:{one.kind}"}],
        "provision": {
            "type": "permit",
            "period": {"start": instant(one.since), "end": instant(one.until)},
            "actor": [
                {
                    "role": _coded("v3-RoleCode", ROLES[one.kind]),
                    "reference": {"reference": f"Patient/{representative}"},
                }
            ],
            "action": [_coded("consentaction", ACTIONS[action]) for action in one.actions],
        },
    }


def _relative(name: str, own: str, one: Relative) -> dict[str, Any]:
    person, representative = (own, one.person) if name == "for-me" else (one.person, own)
    return {
        "name": name,
        "part": [
            {"name": "number", "valueInteger": one.number},
            {"name": "person", "valueReference": {"reference": f"Patient/{one.person}"}},
            {"name": "kind", "valueCode": one.kind},
            *({"name": "name", "valueString": one.name} for _ in range(bool(one.name))),
            *({"name": "action", "valueCode": action} for action in one.actions),
            {"name": "until", "valueInstant": instant(one.until)},
            {"name": "consent", "resource": consent_of(person, representative, one)},
        ],
    }


def _invited(one: Invitation, *more: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "invitation",
        "part": [
            {"name": "number", "valueInteger": one.number},
            {"name": "name", "valueString": one.name},
            *({"name": "action", "valueCode": action} for action in one.actions),
            {"name": "until", "valueInstant": instant(one.until)},
            {"name": "expires", "valueInstant": instant(one.expires)},
            *more,
        ],
    }


async def representatives(request: Request) -> Response:
    """Who acts for the resident, for whom the resident acts, and invitations that wait."""
    caller = await authenticate(request)
    found = await proxies.household(exchange_of(request), caller)
    return _parameters(
        request,
        *(_relative("for-me", found.person, one) for one in found.for_me),
        *(_relative("acting-for", found.person, one) for one in found.acting),
        *(_invited(one) for one in found.invited),
    )


async def invite_proxy(request: Request) -> Response:
    """A code by which somebody of this name accepts to act for the resident."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "name", "action", "until")
    made, code = await proxies.invite(
        exchange_of(request),
        caller,
        name=sent.text("name"),
        actions=sent.texts("action"),
        until=sent.text("until"),
    )
    return _parameters(request, _invited(made, {"name": "code", "valueString": code}))


async def proxy_invitation(request: Request) -> Response:
    """What the code stands for, before it is accepted."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "code")
    found, inviter = await proxies.look_at_invitation(
        exchange_of(request), caller, sent.text("code")
    )
    return _parameters(request, _invited(found, {"name": "inviter", "valueString": inviter}))


async def accept_proxy(request: Request) -> Response:
    """Act for the inviter from now on."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "code")
    found = await proxies.accept_invitation(exchange_of(request), caller, sent.text("code"))
    return _parameters(request, _invited(found))


async def end_representation(request: Request) -> Response:
    """End it now, from either side; or withdraw an invitation."""
    caller = await authenticate(request)
    sent = await read_parameters(request, "number", "invitation")
    number, invited = _which(sent)
    await proxies.end(exchange_of(request), caller, number, invited=invited)
    return _parameters(request)


def _which(sent: Parameters) -> tuple[int, bool]:
    number, invitation = sent.number("number"), sent.number("invitation")
    if (number is None) == (invitation is None):
        raise problem(
            400,
            "required",
            "State the number of the representation, or of the invitation",
            "请给出代理关系或邀请的编号",
            "Parameters.parameter",
        )
    return (number, False) if number is not None else (invitation or 0, True)
