"""From the sender's bytes to a checked resource. https://hl7.org/fhir/R4/json.html

All problems of all entries are gathered before any is reported, so that a sender mends a batch once.
"""

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.access.policy import require
from hie.errors import Issue, Problem, Text, problem
from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.fhir.json_text import why_not_json
from hie.fhir.subset import SUBSETTED
from hie.fhir.validation import validate
from hie.kit.json import duplicate_key
from hie.records.contribution import contributing_institution
from hie.records.entry import Entry, Prepared

# How many resources are checked before other requests of this process get a turn.
TURN = 25

# Entries of a transaction up to which parsed resources are kept between checking and storing.
KEPT = 1000

KNOWN_TYPES = frozenset(RESOURCE_TYPES)


def _place(entry: Entry, inner: str | None) -> str | None:
    if entry.expression is None or inner is None:
        return inner or entry.expression
    _, _, rest = inner.partition(".")
    return f"{entry.expression}.resource" + (f".{rest}" if rest else "")


def _issue(entry: Entry, code: str, en: str, zh: str, inner: str | None = None) -> Issue:
    return Issue(code, Text(en, zh), _place(entry, inner))


def _shown(value: object) -> str:
    """What was sent, or that nothing was (缺失: missing)."""
    return "(missing 缺失)" if value is None else repr(value)[:80]


def _parse(entry: Entry) -> dict[str, Any] | Issue:
    try:
        resource = orjson.loads(entry.body or b"")
    except orjson.JSONDecodeError as error:
        return _issue(entry, "structure", *why_not_json(entry.body or b"", error))
    if not isinstance(resource, dict):
        return _issue(entry, "structure", "A resource is a JSON object", "资源必须是一个 JSON 对象")
    repeated = duplicate_key(entry.body or b"", resource)
    if repeated is not None:
        return _issue(
            entry,
            "structure",
            f"The member {repeated!r} occurs twice in one object; receivers would differ in which one counts",
            f"同一对象中成员 {repeated!r} 出现两次，接收方会有不同理解",
        )
    sent = resource.get("resourceType")
    if sent != entry.type:
        return _issue(
            entry,
            "invalid",
            f"resourceType is {_shown(sent)}, but the request is for {entry.type}",
            f"resourceType 为 {_shown(sent)}，而请求的类型是 {entry.type}",
            f"{entry.type}.resourceType",
        )
    if entry.method == "PUT" and entry.query is None and resource.get("id") != entry.id:
        return _issue(
            entry,
            "invalid",
            f"The id in the resource is {_shown(resource.get('id'))}, in the address {entry.id!r}",
            f"资源中的 id 为 {_shown(resource.get('id'))}，地址中的 id 为 {entry.id!r}",
            f"{entry.type}.id",
        )
    return resource


def _is_part(text: bytes, resource: dict[str, Any]) -> bool:
    """Whether it says that it came from `_summary` or `_elements`, here or elsewhere."""
    if b"SUBSETTED" not in text and b"\\u" not in text:
        return False
    match resource:
        case {"meta": {"tag": list(tags)}}:
            codes = [tag.get("code") for tag in tags if isinstance(tag, dict)]
            return SUBSETTED["code"] in codes
    return False


@dataclass(slots=True)
class Checked:
    """A resource as sent, with what is wrong about it."""

    resource: dict[str, Any] = field(default_factory=dict)
    unreadable: list[Issue] = field(default_factory=list)
    invalid: list[Issue] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether it cannot be stored; warnings alone do not prevent that."""
        return bool(self.unreadable) or any(i.severity in ("error", "fatal") for i in self.invalid)


def check(entry: Entry) -> Checked:
    """Read and validate the resource of one entry."""
    parsed = _parse(entry)
    if isinstance(parsed, Issue):
        return Checked(unreadable=[parsed])
    invalid = [
        Issue(i.code, i.text, _place(entry, i.expression), i.severity) for i in validate(parsed)
    ]
    if _is_part(entry.body or b"", parsed):
        invalid.append(
            _issue(
                entry,
                "incomplete",
                "The tag SUBSETTED says that parts of this resource were left out; send the whole",
                "标签 SUBSETTED 表明该资源内容不完整，请提交完整资源",
                f"{entry.type}.meta.tag",
            )
        )
    return Checked(parsed, invalid=invalid)


def _authorise(caller: Caller, entry: Entry) -> int:
    permission = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}[entry.method]
    require(caller, permission, entry.type)  # type: ignore[arg-type]  # the letters above
    if entry.query is not None or entry.if_none_exist is not None:
        require(caller, "s", entry.type)  # without it nothing would match, and copies be made
    contributing = contributing_institution(caller, entry)
    if contributing is not None:
        return contributing
    if caller.institution is None:
        raise problem(
            403,
            "forbidden",
            "Only an institution's client may change records",
            "只有机构的客户端可以写入记录",
        )
    return caller.institution


async def prepare(caller: Caller, entries: Sequence[Entry]) -> list[Prepared]:
    """Check every entry; raise one Problem with all issues (400 if any text cannot be read, else 422)."""
    prepared: list[Prepared] = []
    unreadable: list[Issue] = []
    invalid: list[Issue] = []
    for number, entry in enumerate(entries):
        if entry.type not in KNOWN_TYPES:
            raise problem(
                404,
                "not-supported",
                f"{entry.type!r} is not a resource type of FHIR R4",
                f"FHIR R4 没有资源类型 {entry.type!r}",
                entry.expression,
            )
        institution = _authorise(caller, entry)
        if entry.method in ("DELETE", "PATCH"):
            item = Prepared(entry, type_number(entry.type), b"", {}, institution)
            prepared.append(item)
            continue
        checked = check(entry)
        unreadable += checked.unreadable
        invalid += checked.invalid
        if checked.refused:
            continue
        # Patients are few, and the master patient index wants them parsed.
        kept = len(entries) <= KEPT or entry.type == "Patient"
        parsed = checked.resource if kept else None
        prepared.append(
            Prepared(entry, type_number(entry.type), entry.body or b"", parsed, institution)
        )
        if number % TURN == TURN - 1:
            await sleep(0)
    problems = [*unreadable, *invalid]
    if any(i.severity in ("error", "fatal") for i in problems):
        raise Problem(400 if unreadable else 422, problems)
    return prepared
