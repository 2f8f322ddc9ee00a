"""Keeping the state of apps: checked, on record, and apart from the records.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-state.html
"""

from collections.abc import Sequence
from typing import Any

import orjson

from hie.access import app_state
from hie.access.app_state import NOBODY, State
from hie.access.caller import Caller
from hie.audit.event import Action, Event
from hie.errors import Problem, problem
from hie.kit.clock import instant
from hie.records.disclosure import event
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.prepare import check


def _invalid(en: str, zh: str, expression: str) -> Problem:
    return problem(422, "invalid", en, zh, expression)


def _read(entry: Entry) -> tuple[str, str, dict[str, Any]]:
    """Subject, code and content of a state as sent. Problem 400 or 422.

    http://hl7.org/fhir/smart-app-launch/StructureDefinition/smart-app-state-basic
    """
    checked = check(entry)
    if checked.refused:
        raise Problem(400 if checked.unreadable else 422, [*checked.unreadable, *checked.invalid])
    resource = checked.resource
    if entry.method == "POST" and ("id" in resource or "versionId" in resource.get("meta", {})):
        raise _invalid(
            "A new state gets its id and version from the exchange",
            "新状态的 id 和版本由平台分配",
            "Basic.id",
        )
    codings = resource.get("code", {}).get("coding", [])
    if len(codings) != 1 or not codings[0].get("system") or not codings[0].get("code"):
        raise _invalid(
            "Basic.code has exactly one coding, with a system and a code",
            "Basic.code 须有且仅有一个包含 system 和 code 的 coding",
            "Basic.code.coding",
        )
    if not all("valueString" in one for one in resource.get("extension", [])):
        raise _invalid(
            "The extensions of a state are strings (valueString)",
            "状态的扩展只能为字符串（valueString）",
            "Basic.extension",
        )
    subject = resource.get("subject", {}).get("reference", NOBODY)
    if "subject" in resource and subject == NOBODY:
        raise _invalid(
            "Basic.subject is an absolute reference, or absent",
            "Basic.subject 须为绝对引用，或不填",
            "Basic.subject.reference",
        )
    return subject, f"{codings[0]['system']}|{codings[0]['code']}", resource


def _body(resource: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in resource.items() if name != "id"})


def shown(state: State) -> bytes:
    """The resource as it was sent, with its id and version."""
    resource: dict[str, Any] = orjson.loads(state.body)
    meta = {
        **resource.get("meta", {}),
        "versionId": str(state.version),
        "lastUpdated": instant(state.last_updated),
    }
    return orjson.dumps({"resourceType": "Basic", "id": state.id, **resource, "meta": meta})


def _person(caller: Caller, subject: str) -> str | None:
    """In whose log it stands: in nobody's if the state is about a member of staff or about none."""
    own = caller.patient is not None and subject.endswith(f"/Patient/{caller.patient}")
    return caller.patient if own else None


def _on_record(caller: Caller, action: Action, interaction: str, state: State) -> Event:
    return event(
        caller,
        action,
        interaction,
        _person(caller, state.subject),
        entity_type="Basic",
        entity_id=state.id,
        entity_version=state.version,
    )


async def create(exchange: Exchange, caller: Caller, body: bytes) -> State:
    """Keep a new state. Problem 400, 403, 422."""
    subject, code, resource = _read(Entry("POST", "Basic", body=body))
    app_state.require(caller, exchange.settings.fhir_base, "c", subject, code)
    async with exchange.store.database.transaction() as connection:
        state = await app_state.insert(connection, caller, subject, code, _body(resource))
        await exchange.audit.record_in(connection, [_on_record(caller, "C", "create", state)])
    return state


async def update(
    exchange: Exchange, caller: Caller, state_id: str, body: bytes, versions: Sequence[int]
) -> State:
    """Replace a state that stands at one of the versions. Problem 400, 403, 412, 422."""
    subject, code, resource = _read(Entry("PUT", "Basic", id=state_id, body=body))
    app_state.require(caller, exchange.settings.fhir_base, "u", subject, code)
    async with exchange.store.database.transaction() as connection:
        state = await app_state.update(
            connection, caller, state_id, subject, code, _body(resource), versions
        )
        await exchange.audit.record_in(connection, [_on_record(caller, "U", "update", state)])
    return state


async def delete(
    exchange: Exchange, caller: Caller, state_id: str, versions: Sequence[int]
) -> None:
    """Remove a state that stands at one of the versions. Problem 412."""
    base = exchange.settings.fhir_base
    async with exchange.store.database.transaction() as connection:
        state = await app_state.delete(connection, caller, base, state_id, versions)
        await exchange.audit.record_in(connection, [_on_record(caller, "D", "delete", state)])


async def find(exchange: Exchange, caller: Caller, subject: str, code: str) -> list[State]:
    """The app's states about the subject under this code. Problem 403."""
    app_state.require(caller, exchange.settings.fhir_base, "s", subject, code)
    async with exchange.store.database.connection() as connection:
        found = await app_state.states(connection, caller, subject, code)
    await exchange.audit.record(
        event(
            caller,
            "E",
            "search-type",
            _person(caller, subject),
            entity_type="Basic",
            entity_count=len(found),
        )
    )
    return found
