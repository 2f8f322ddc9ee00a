"""The patient identity feed: IHE PMIR, transaction ITI-93. https://profiles.ihe.net/ITI/PMIR/ITI-93.html

A message of what an institution did to its Patients (created, updated, merged, deleted) is carried out
here in one transaction, through the write door like all else. A Patient keeps the id that the
institution gave it. Taking a merge back (a `replaced-by` link that is gone) is not a matter of the
feed, and answered with 405 as the transaction says: stewards do that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.errors import Problem, problem
from hie.fhir.bundle import entry_resources
from hie.fhir.json_text import read_json
from hie.fhir.references import is_id
from hie.kit.db import Connection
from hie.kit.ids import new_id
from hie.records.accept import accept
from hie.records.entry import Entry, Outcome
from hie.records.exchange import Exchange
from hie.search.execute import execute
from hie.search.parse import parse

EVENT = "urn:ihe:iti:pmir:2019:patient-feed"
RESPONSE_EVENT = "urn:ihe:iti:pmir:2019:patient-feed-response"
DEFINITION = (
    "https://profiles.ihe.net/ITI/PMIR/StructureDefintion/IHE.PMIR.MessageDefinition.Response"
)
TYPES = ("Patient", "RelatedPerson")


@dataclass(frozen=True, slots=True)
class Message:
    """A feed message: its header and what it asks for."""

    header: dict[str, Any]
    entries: list[Entry]


def _invalid(en: str, zh: str, expression: str, *, code: str = "invalid") -> Problem:
    return problem(400, code, en, zh, expression)


def read_message(text: bytes) -> Message:
    """The message in a Bundle's JSON text. Problem 400 for what ITI-93 does not define."""
    bundle = read_json(text)
    try:
        header, inner = (one["resource"] for one in bundle["entry"])
        event = header["eventUri"]
        kinds = bundle["resourceType"], bundle["type"], inner["resourceType"], inner["type"]
        asked = [dict(one) for one in inner.get("entry", ())]
        requests = [
            (str(dict(one["request"])["method"]), str(one["request"]["url"])) for one in asked
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _invalid(
            "Send a message Bundle of a MessageHeader and a history Bundle, whose entries have requests",
            "请发送包含 MessageHeader 和 history Bundle 的 message Bundle，其条目须有 request",
            "Bundle",
            code="structure",
        ) from error
    if kinds != ("Bundle", "message", "Bundle", "history"):
        raise _invalid(
            "The message must be a Bundle of type message with one of type history",
            "消息应为 message 类型的 Bundle，其中包含 history 类型的 Bundle",
            "Bundle.type",
        )
    if not is_id(header.get("id", "-")):
        raise _invalid(
            "The id of the MessageHeader is 1 to 64 of A-Z a-z 0-9 - .",
            "MessageHeader 的 id 应为 1 至 64 个字符，限 A-Z a-z 0-9 - .",
            "Bundle.entry[0].resource.id",
            code="structure",
        )
    if event != EVENT:
        raise _invalid(
            f"Messages of the event {EVENT} are taken here",
            f"此处只接收事件 {EVENT} 的消息",
            "Bundle.entry[0].resource.eventUri",
            code="not-supported",
        )
    texts = entry_resources(entry_resources(text)[1] or b"")
    entries = [
        _entry(one, method, url, texts[number], f"Bundle.entry[1].resource.entry[{number}]")
        for number, (one, (method, url)) in enumerate(zip(asked, requests, strict=True))
    ]
    return Message(header, entries)


def _entry(one: dict[str, Any], method: str, url: str, text: bytes | None, place: str) -> Entry:
    given = one.get("resource")
    resource = given if isinstance(given, dict) else {}
    type_name, logical_id = _target(url)
    if type_name not in TYPES or method not in ("POST", "PUT", "DELETE"):
        raise _invalid(
            f"An entry creates (POST), updates (PUT) or deletes one of {', '.join(TYPES)}",
            f"条目应为对 {'、'.join(TYPES)} 的 POST、PUT 或 DELETE",
            f"{place}.request",
        )
    full_url = str(one.get("fullUrl") or "") or None
    if method == "DELETE":
        return Entry("DELETE", type_name, logical_id, expression=place)
    logical_id = str(resource.get("id") or logical_id)
    if method == "POST" and not logical_id:
        return Entry("POST", type_name, None, text, full_url, expression=place)
    return Entry("PUT", type_name, logical_id, _merged(resource, text), full_url, expression=place)


def _target(url: str) -> tuple[str, str]:
    """Type and id that a request's URL names, relative or under the sender's own base."""
    path = url.partition("?")[0].rstrip("/").split("/")
    if len(path) > 1 and path[-2] in TYPES:
        return path[-2], path[-1]
    return path[-1], ""


def _replaced_by(resource: dict[str, Any]) -> set[str]:
    links = resource.get("link")
    return {
        orjson.dumps(link.get("other")).decode()
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict) and link.get("type") == "replaced-by"
    }


def _merged(resource: dict[str, Any], text: bytes | None) -> bytes:
    """A Patient that is replaced is not active any more, whether the sender says so or not."""
    if resource.get("active") is False or not _replaced_by(resource):
        return text or b""
    return orjson.dumps({**resource, "active": False})


async def take(exchange: Exchange, caller: Caller, message: Message) -> list[Outcome]:
    """Carry the message out, wholly or not at all. Problem as for any change, and 405 for an unmerge."""
    return await accept(exchange, caller, await _allowed(exchange, caller, message.entries))


async def _allowed(exchange: Exchange, caller: Caller, entries: Sequence[Entry]) -> list[Entry]:
    async with exchange.store.database.connection() as connection:
        for entry in entries:
            if entry.method != "PUT" or entry.type != "Patient":
                continue
            stood = await _standing(connection, exchange, caller, str(entry.id))
            if _replaced_by(stood) and not _replaced_by(orjson.loads(entry.body or b"{}")):
                raise problem(
                    405,
                    "not-supported",
                    f"Patient/{entry.id} is merged; a feed cannot take a merge back",
                    f"Patient/{entry.id} 已合并，不能通过消息撤销合并",
                    entry.expression,
                )
    return list(entries)


async def _standing(
    connection: Connection, exchange: Exchange, caller: Caller, logical_id: str
) -> dict[str, Any]:
    """The caller's own Patient as it stands now, or nothing."""
    query = parse("Patient", [("_id", logical_id)])
    page = await execute(connection, exchange.store, query, restriction(caller, "s"))
    for row in page.matches:
        body = exchange.store.bodies.expand(row.dictionary, row.body or b"")
        found: dict[str, Any] = orjson.loads(body)
        return found
    return {}


def response(message: Message, endpoint: str) -> dict[str, Any]:
    """The message that answers one which has been carried out."""
    id_ = new_id()
    header = {
        "resourceType": "MessageHeader",
        "id": id_,
        "eventUri": RESPONSE_EVENT,
        "source": {"endpoint": endpoint},
        "response": {"identifier": message.header.get("id") or new_id(), "code": "ok"},
        "definition": DEFINITION,
    }
    return {
        "resourceType": "Bundle",
        "id": new_id(),
        "type": "message",
        "entry": [{"fullUrl": f"urn:uuid:{id_}", "resource": header}],
    }
