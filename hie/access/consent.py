"""A FHIR Consent as the denials that it comes to. Pure. https://hl7.org/fhir/R4/consent.html

How a tree of provisions is read: the root states the base rule, or takes it from `policyRule`; a
nested provision is an exception to the one around it and applies only where that applies. Of several
exceptions that apply at once one that denies decides. So a provision that denies hides what its whole
path applies to, unless a permitting provision beneath it applies too: that is a `Denial`.

A Consent never gives a reader more than policy does; permitting provisions only make exceptions to
denials of the same Consent. Every Consent counts by itself: a resident lifts a restriction by ending
its Consent and never by adding another, so their order cannot matter.

What cannot be enforced exactly as it is written is refused and never stored half understood.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Literal

from hie.access.clause import REPRESENTATIVE, STAFF, Clause, Denial, Mark, Period, meet
from hie.errors import Problem, problem
from hie.fhir.dates import date_range, period_range
from hie.fhir.definitions import RESOURCE_TYPES

Resource = dict[str, Any]
Effect = Literal["deny", "permit"]

INSTITUTION = "urn:hie:institution"
NOTICE = "urn:hie:notice:consent:1"
"""The notice that the resident's pages show now, with its version."""
NOTICES = frozenset({NOTICE})

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
CONSENT_ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"
RESOURCE_TYPE = "http://hl7.org/fhir/resource-types"

RECEIVING = frozenset({"IRCP", "PRCP"})
KEEPING = frozenset({"CST"})
READING = frozenset({"access", "use", "disclose"})
READERS = frozenset({"Organization", "Practitioner", "Patient"})
MOST_RULES = 200
DEEPEST = 8


def refused(en: str, zh: str, expression: str) -> Problem:
    """Problem 422: what stands at `expression` cannot be enforced."""
    return problem(422, "not-supported", en, zh, expression)


def _codings(concept: Resource | None) -> list[tuple[str, str]]:
    listed = (concept or {}).get("coding", ())
    return [(c.get("system", ""), c["code"]) for c in listed if c.get("code")]


def concerns_disclosure(resource: Resource) -> bool:
    """Whether the Consent is about who may read; consents to treatment or research are documents."""
    return (SCOPE, "patient-privacy") in _codings(resource.get("scope"))


def notice_of(resource: Resource) -> str:
    """The version of the notice that was shown, which `policy.uri` states. Problem 422 without."""
    stated = [policy.get("uri") for policy in resource.get("policy", ())]
    for uri in stated:
        if uri in NOTICES:
            return str(uri)
    known = ", ".join(sorted(NOTICES))
    raise problem(
        422,
        "required",
        f"State in policy.uri which notice was shown to the resident; one of: {known}",
        f"请在 policy.uri 中注明向居民出示的告知书版本，可选：{known}",
        "Consent.policy.uri",
    )


def compile_consent(resource: Resource) -> tuple[Denial, ...]:
    """What the Consent denies while it is active; nothing if it is not, or not about disclosure.

    Problem 422 names the first part that cannot be enforced as written.
    """
    if resource.get("status") != "active" or not concerns_disclosure(resource):
        return ()
    root = resource.get("provision", {})
    issued = resource.get("dateTime")
    base = Clause(valid=Period(date_range(issued).low if issued else None))
    effect = _base_effect(resource, root)
    found = list(_denials(root, effect, [base], "Consent.provision", 0))
    if len(found) + sum(len(each.exceptions) for each in found) > MOST_RULES:
        raise problem(
            422,
            "too-costly",
            f"The Consent comes to more than {MOST_RULES} rules; split it",
            f"该授权展开后超过 {MOST_RULES} 条规则，请拆分",
            "Consent.provision",
        )
    return tuple(found)


def _base_effect(resource: Resource, root: Resource) -> Effect:
    stated = root.get("type")
    if stated in ("deny", "permit"):
        return "deny" if stated == "deny" else "permit"
    codes = {code for system, code in _codings(resource.get("policyRule")) if system == ACT_CODE}
    if "OPTOUT" in codes:
        return "deny"
    conditions = set(root) - {"provision", "period", "id"}
    if "OPTIN" in codes and not (conditions and not root.get("provision")):
        return "permit"
    # Under OPTIN some write the exception itself as an untyped root: it must not count for nothing.
    raise refused(
        "State provision.type: whether this is denied or permitted cannot be told otherwise",
        "请注明 provision.type：否则无法判断是拒绝还是允许",
        "Consent.provision.type",
    )


def _denials(
    node: Resource, effect: Effect, around: Sequence[Clause], place: str, depth: int
) -> Iterator[Denial]:
    """The denials of a provision and of all beneath it; `around` is what its path applies to."""
    path = _path(node, around, place, depth)
    if effect == "deny":
        permits = tuple(_permits(node, path, place, depth))
        for clause in path:
            addressed = clause
            if not clause.recipients:
                everybody = Clause(recipients=frozenset({frozenset({STAFF})}))
                addressed = meet(clause, everybody)
            yield Denial(place, addressed, permits)
    for child, inner, stated in _children(node, place):
        yield from _denials(child, stated, path, inner, depth + 1)


def _permits(node: Resource, path: Sequence[Clause], place: str, depth: int) -> Iterator[Clause]:
    """What the permitting provisions anywhere beneath a provision apply to."""
    for child, inner, stated in _children(node, place):
        within = _path(child, path, inner, depth + 1)
        if stated == "permit":
            yield from within
        yield from _permits(child, within, inner, depth + 1)


def _children(node: Resource, place: str) -> Iterator[tuple[Resource, str, Effect]]:
    for number, child in enumerate(node.get("provision", ())):
        inner = f"{place}.provision[{number}]"
        stated = child.get("type")
        if stated not in ("deny", "permit"):
            raise refused(
                "A nested provision states its type: deny or permit",
                "嵌套的条款须注明类型：deny 或 permit",
                f"{inner}.type",
            )
        yield child, inner, stated


def _path(node: Resource, around: Sequence[Clause], place: str, depth: int) -> list[Clause]:
    if depth > DEEPEST:
        raise refused(
            f"Provisions nest more than {DEEPEST} deep", f"条款嵌套超过 {DEEPEST} 层", place
        )
    own = _alternatives(node, place)
    if len(own) * len(around) > MOST_RULES:
        raise refused("The provision has too many alternatives", "条款的可选情形过多", place)
    return [meet(outer, inner) for outer in around for inner in own]


def _alternatives(node: Resource, place: str) -> list[Clause]:
    """The provision's own conditions, as clauses of which one has to apply."""
    actions = {code for action in node.get("action", ()) for code in _codings(action)}
    if actions and not actions & {(CONSENT_ACTION, code) for code in READING}:
        return []  # about something else than reading
    conditions = [
        [_period(node)],
        *_actors(node, place),
        _labels(node),
        _purposes(node, place),
        _classes(node, place),
        _codes(node, place),
        _data(node, place),
    ]
    return reduce(
        lambda done, more: [meet(one, other) for one in done for other in more], conditions
    )


def _period(node: Resource) -> Clause:
    data = node.get("dataPeriod")
    return Clause(valid=_range(node.get("period")), dates=frozenset({_range(data)} if data else ()))


def _range(period: Resource | None) -> Period:
    found = period_range(period) if period else None
    return Period(*found) if found else Period()


def _actors(node: Resource, place: str) -> Iterator[list[Clause]]:
    receiving: set[str] = set()
    keeping: set[str] = set()
    for number, actor in enumerate(node.get("actor", ())):
        roles = _codings(actor.get("role"))
        here = f"{place}.actor[{number}]"
        if (ROLE_CODE, "GUARD") in roles:
            receiving.add(REPRESENTATIVE)
        elif any(system == PARTICIPATION and code in RECEIVING for system, code in roles):
            receiving.add(_who(actor.get("reference", {}), READERS, here))
        elif any(system == PARTICIPATION and code in KEEPING for system, code in roles):
            keeping.add(_who(actor.get("reference", {}), frozenset({"Organization"}), here))
        else:
            raise refused(
                "The actor's role is IRCP (who reads), CST (whose data) or GUARD (who acts for me)",
                "actor.role 须为 IRCP（接收方）、CST（数据保管方）或 GUARD（监护人）",
                f"{here}.role",
            )
    if receiving:
        yield [Clause(recipients=frozenset({frozenset(receiving)}))]
    if keeping:
        yield [Clause(custodians=frozenset(keeping))]


def _who(reference: Resource, types: frozenset[str], place: str) -> str:
    identifier = reference.get("identifier", {})
    if identifier.get("system") == INSTITUTION and identifier.get("value"):
        return f"{INSTITUTION}|{identifier['value']}"
    literal = str(reference.get("reference", ""))
    if literal.partition("/")[0] in types:
        return literal.partition("/_history/")[0]
    named = ", ".join(sorted(types))
    raise refused(
        f"Name an institution by its identifier ({INSTITUTION}), or one of: {named}",
        f"请以标识（{INSTITUTION}）指明机构，或引用：{named}",
        f"{place}.reference",
    )


def _labels(node: Resource) -> list[Clause]:
    labels = frozenset(
        Mark("label", label.get("system"), label["code"])
        for label in node.get("securityLabel", ())
        if label.get("code")
    )
    return [Clause(marks=frozenset({labels}) if labels else frozenset())]


def _purposes(node: Resource, place: str) -> list[Clause]:
    stated = node.get("purpose", ())
    if any(coding.get("system") != ACT_REASON for coding in stated):
        raise refused(
            f"Purposes are codes of {ACT_REASON}",
            f"目的（purpose）须取自 {ACT_REASON}",
            f"{place}.purpose",
        )
    codes = frozenset(coding.get("code", "") for coding in stated)
    return [Clause(purposes=frozenset({codes}) if codes else frozenset())]


def _classes(node: Resource, place: str) -> list[Clause]:
    types: set[str] = set()
    marks: set[Mark] = set()
    for number, coding in enumerate(node.get("class", ())):
        system, code = coding.get("system"), coding.get("code", "")
        if system == RESOURCE_TYPE and code in RESOURCE_TYPES:
            types.add(code)
        elif system and code and system not in (RESOURCE_TYPE, "urn:ietf:bcp:13"):
            marks.add(Mark("code", system, code))
        else:
            raise refused(
                "A class is a resource type, or a code of the kind of document",
                "class 须为资源类型或文书类别代码",
                f"{place}.class[{number}]",
            )
    return _either(
        Clause(types=frozenset(types)) if types else None,
        Clause(marks=frozenset({frozenset(marks)})) if marks else None,
    )


def _codes(node: Resource, place: str) -> list[Clause]:
    marks = frozenset(
        Mark("code", system or None, code)
        for concept in node.get("code", ())
        for system, code in _codings(concept)
    )
    if node.get("code") and not marks:
        raise refused("State a code, not only a text", "请注明代码，而不仅是文字", f"{place}.code")
    return [Clause(marks=frozenset({marks}) if marks else frozenset())]


def _data(node: Resource, place: str) -> list[Clause]:
    instances: set[str] = set()
    about: set[Mark] = set()
    for number, data in enumerate(node.get("data", ())):
        literal = str(data.get("reference", {}).get("reference", "")).partition("/_history/")[0]
        type_name, slash, _ = literal.partition("/")
        meaning = data.get("meaning")
        if not slash or type_name not in RESOURCE_TYPES or meaning == "authoredby":
            raise refused(
                "Data is named by a literal reference, as instance, related or dependents",
                "data 须以字面引用指明，meaning 为 instance、related 或 dependents",
                f"{place}.data[{number}]",
            )
        instances.add(literal)
        if meaning in ("related", "dependents"):
            about.add(Mark("about", None, literal))
    return _either(
        Clause(instances=frozenset(instances)) if instances else None,
        Clause(marks=frozenset({frozenset(about)})) if about else None,
    )


def _either(*alternatives: Clause | None) -> list[Clause]:
    given = [clause for clause in alternatives if clause is not None]
    return given or [Clause()]
