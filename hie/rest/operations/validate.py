"""$validate: what is wrong with a resource, without storing it. https://hl7.org/fhir/R4/resource-operation-validate.html

Beside the checks that everything stored has passed, the rules of R4 in FHIRPath are evaluated. The
answer says what could not be looked at; a profile is known only if it is R4's own definition.
"""

from asyncio import sleep
from dataclasses import replace

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hie.access.caller import Caller
from hie.errors import Issue, Text, problem
from hie.fhir.outcome import operation_outcome
from hie.fhir.validation import validate
from hie.fhir.validation.invariants import broken, rules
from hie.records.fetch import fetch
from hie.rest.authenticate import authenticate, exchange_of
from hie.rest.history import require_known
from hie.rest.negotiate import language
from hie.rest.operations.parameters import Parameters, parameters_of, read_resource
from hie.rest.respond import answer

OWN_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
KNOWN = frozenset(("mode", "profile", "_format", "_pretty"))
MODES = ("", "create", "update", "delete", "profile")
MOST_RULES = 5000
# How many rules are evaluated before other requests of this process get a turn.
TURN = 10


async def validate_resource(request: Request) -> Response:
    """Check a resource that is sent, or the one stored under the address."""
    caller = await authenticate(request)
    type_name, logical_id = request.path_params["type"], request.path_params.get("id")
    _require_use(caller, type_name)
    require_known(request, KNOWN)
    sent = Parameters({})
    resource = None
    if request.method == "POST" and _has_body(request):
        resource = await read_resource(request)
        if resource.get("resourceType") == "Parameters" and type_name != "Parameters":
            sent = parameters_of(resource, ("resource", "mode", "profile"))
            resource = sent.resource("resource")
    mode = sent.text("mode") or request.query_params.get("mode", "")
    profile = sent.text("profile") or request.query_params.get("profile", "")
    if mode not in MODES:
        raise problem(
            400,
            "invalid",
            f"The mode is one of {', '.join(MODES[1:])}",
            f"mode 可为 {'、'.join(MODES[1:])}",
            "Parameters.parameter.where(name='mode')",
        )
    if resource is None and logical_id is not None:
        fetched = await fetch(exchange_of(request), caller, type_name, logical_id)
        resource = orjson.loads(fetched.body)
    if resource is None:
        raise problem(
            400,
            "required",
            "Send the resource, or ask at the address of a stored one",
            "请发送资源，或在已存资源的地址上调用",
            "Parameters.parameter.where(name='resource')",
        )
    issues = [
        *_profile(profile, type_name),
        *_claimed(resource, type_name),
        *await _issues(resource, type_name),
    ]
    if not issues:
        fine = Text("The resource is valid", "资源有效")
        issues = [Issue("informational", fine, severity="information")]
    return answer(request, orjson.dumps(operation_outcome(issues, language(request))))


def _has_body(request: Request) -> bool:
    """Whether anything was sent: a stored resource can be asked about by POST without a body."""
    length = request.headers.get("content-length")
    return "content-type" in request.headers if length is None else length != "0"


def _require_use(caller: Caller, type_name: str) -> None:
    """Problem 403 for callers who can neither read nor write the type."""
    if not any(caller.permits(permission, type_name) for permission in ("c", "r", "u")):
        raise problem(
            403,
            "forbidden",
            f"No granted scope has to do with {type_name}",
            f"所授权限范围不涉及 {type_name}",
        )


def _profile(profile: str, type_name: str) -> list[Issue]:
    if profile in ("", f"{OWN_DEFINITION}{type_name}"):
        return []
    text = Text(
        f"The profile {profile[:200]} is not known here; checked was R4's own definition",
        f"平台没有结构定义 {profile[:200]}，仅按 R4 基础定义检查",
    )
    return [Issue("not-supported", text)]


def _claimed(resource: dict[str, object], type_name: str) -> list[Issue]:
    """Profiles that the resource says it conforms to, and which were not looked at."""
    match resource:
        case {"meta": {"profile": list(claimed)}}:
            return [
                replace(issue, severity="warning", expression=f"{type_name}.meta.profile[{number}]")
                for number, each in enumerate(claimed)
                for issue in _profile(str(each), type_name)
            ]
    return []


async def _issues(resource: dict[str, object], type_name: str) -> list[Issue]:
    if resource.get("resourceType") != type_name:
        text = Text(f"The resource is no {type_name}", f"资源类型不是 {type_name}")
        return [Issue("invalid", text, f"{type_name}.resourceType")]
    issues = validate(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        return issues  # rules say nothing sensible about what is not well formed
    for number, rule in enumerate(rules(resource)):
        if number >= MOST_RULES:
            text = Text(
                f"The resource is large: only the first {MOST_RULES} rules were evaluated",
                f"资源过大：仅检查了前 {MOST_RULES} 条规则",
            )
            return [*issues, Issue("too-costly", text, severity="information")]
        issue = broken(rule)
        if issue is not None:
            issues.append(issue)
        if number % TURN == TURN - 1:
            await sleep(0)
    return issues
