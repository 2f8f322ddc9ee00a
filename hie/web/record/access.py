"""Who looked at a record, from AuditEvents: by name, institution, time and reason.

https://hl7.org/fhir/R4/auditevent.html. One visit to a page makes many events: those of one person
within one minute are one line.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hie.errors import Text
from hie.web.record.coded import Resource
from hie.web.record.moment import Moment, parse

ACTIONS = {
    "open-record": Text("opened the record", "调阅档案"),
    "open-record-emergency": Text("opened the record as an emergency", "紧急调阅档案"),
    "confirm-sensitive": Text("opened the sensitive part", "查看敏感信息"),
    "review-emergency": Text("reviewed an emergency opening", "审核紧急调阅"),
    "explain-access": Text("asked why something is shown", "查询可见性原因"),
    "visit-code": Text("made a code for a visit", "生成就诊授权码"),
    "invite-proxy": Text("invited a proxy", "邀请代理人"),
    "accept-proxy": Text("became proxy", "成为代理人"),
    "end-representation": Text("ended a representation", "终止代理关系"),
    "withdraw-invitation": Text("withdrew an invitation", "撤回邀请"),
    "emergency-reads": Text("looked at what was read in an emergency", "核查紧急调阅内容"),
    "match": Text("looked who the person is", "核对身份"),
    "ihe-pix": Text("looked up identifiers", "查询标识号"),
    "link": Text("joined a registration to the record", "关联登记"),
    "unlink": Text("took a registration out of the record", "分离登记"),
    "merge": Text("merged two records", "合并档案"),
    "unmerge": Text("undid a merge", "撤销合并"),
    "not-duplicate": Text("confirmed as two people", "确认不是同一人"),
    "review": Text("reviewed whose registrations these are", "审核身份"),
    "reviews": Text("looked through the review queue", "查看审核列表"),
    "second-opinion": Text("gave a second opinion on identity", "身份复核"),
    "candidates": Text("looked for duplicates", "查找重复登记"),
    "link-history": Text("looked at past links", "查看关联历史"),
    "create": Text("added entries", "写入记录"),
    "update": Text("changed entries", "更新记录"),
    "patch": Text("changed entries", "更新记录"),
    "delete": Text("removed entries", "删除记录"),
}
LOOKED = Text("read entries", "查看记录")
PURPOSES = {
    "TREAT": Text("Treatment", "诊疗"),
    "COC": Text("Coordination of care", "协同照护"),
    "ETREAT": Text("Emergency", "急诊抢救"),
}
EMERGENCY = "open-record-emergency"


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the log; `own` if it was the resident."""

    moment: Moment
    name: str
    institution: str
    action: Text
    purpose: Text | None
    reason: str
    emergency: bool
    own: bool
    times: int = 1

    def continues(self, earlier: "Access") -> bool:
        """Whether both are one visit of one person."""
        return replace(self, times=1) == replace(earlier, times=1)


def _interaction(event: Resource) -> str:
    coding: Resource = next(iter(event.get("subtype", ())), {})
    return str(coding.get("display", coding.get("code", ""))).removeprefix("$")


def access(event: Resource, patient: str) -> Access:
    """The line of one AuditEvent about the record of `patient`."""
    name = institution = ""
    own = False
    for agent in event.get("agent", ()):
        who = agent.get("who", {})
        if agent.get("requestor"):
            identifier = who.get("identifier", {}).get("value", "")
            name = str(agent.get("name") or agent.get("altId") or identifier)
            own = who.get("reference") == f"Patient/{patient}"
        elif who.get("identifier", {}).get("system") == "urn:hie:institution":
            institution = str(who.get("display") or who["identifier"].get("value", ""))
    purpose: Resource = next(iter(event.get("purposeOfEvent", ())), {})
    code = next((c.get("code", "") for c in purpose.get("coding", ())), "")
    interaction = _interaction(event)
    return Access(
        parse(event.get("recorded")),
        name,
        institution,
        ACTIONS.get(interaction, LOOKED),
        PURPOSES.get(code),
        str(purpose.get("text", "")),
        interaction == EMERGENCY,
        own,
    )


def accesses(events: Iterable[Resource], patient: str, *, own: bool) -> list[Access]:
    """The lines, newest first; the resident's own reading only if asked for."""
    lines: list[Access] = []
    for event in events:
        line = access(event, patient)
        if line.own and not own:
            continue
        if lines and line.continues(lines[-1]):
            lines[-1] = replace(lines[-1], times=lines[-1].times + 1)
        else:
            lines.append(line)
    return lines
