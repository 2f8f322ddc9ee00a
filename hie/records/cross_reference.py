"""Other identifiers of a person: IHE PIXm, transaction ITI-83. https://profiles.ihe.net/ITI/PIXm/ITI-83.html

What may be asked and what comes back follows the caller's own view of Patients: a clinician asks and
sees golden records; an institution asks by what stands in its own records and learns the golden id
beside its own: another institution's number would tell where else the person is treated.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import Problem, problem
from hie.kit.db import Connection
from hie.mpi.asked import count_question
from hie.mpi.people import linked, person_of
from hie.records.disclosure import event
from hie.records.domains import is_domain
from hie.records.exchange import Exchange
from hie.records.identify import questions_allowed
from hie.search.escape import escape
from hie.search.execute import execute
from hie.search.parse import parse
from hie.store.read import Row


async def cross_reference(
    exchange: Exchange, caller: Caller, source: str, targets: Sequence[str]
) -> dict[str, Any]:
    """Parameters with `targetIdentifier` and `targetId`, without the identifier asked about.

    `source` is `system|value`, or `[base]|Patient/[id]` for a logical id; `targets` are the systems
    wanted, none meaning all. Problem 400, 403 and 404 as ITI-83 says.
    """
    require(caller, "s", "Patient")
    system, bar, value = source.partition("|")
    if not (bar and system and value):
        raise problem(
            400,
            "invalid",
            "sourceIdentifier must be an assigning authority and an identifier, joined by '|'",
            "sourceIdentifier 应为“签发机构|标识号”",
            "sourceIdentifier",
        )
    base = exchange.settings.fhir_base
    async with exchange.store.database.connection() as connection:
        await count_question(
            connection, caller.account or caller.client_id, questions_allowed(caller)
        )
        if not await is_domain(connection, exchange, system):
            raise _refused(400, "code-invalid", "sourceIdentifier Assigning Authority not found")
        for target in targets:
            if not await is_domain(connection, exchange, target):
                raise _refused(403, "code-invalid", "targetSystem not found")
        by_id = system == base
        criterion = (
            ("_id", value.removeprefix("Patient/"))
            if by_id
            else ("identifier", f"{escape(system)}|{escape(value)}")
        )
        found = await _search(connection, exchange, caller, [criterion])
        if by_id and any(is_replaced(_patient(exchange, row)) for row in found):
            # "Post Merge/Delete": who asks by a Patient that is merged learns that it is no more.
            raise _refused(404, "not-found", "sourceIdentifier Patient Identifier not found")
        person = await _person(connection, [row.id for row in found])
        members = (await linked(connection, [person]))[person]
        ids = ",".join((person, *members))
        rows = await _search(connection, exchange, caller, [("_id", ids)])
    asked = event(
        caller,
        "E",
        "ihe-pix",
        person,
        entity_type="Patient",
        entity_id=person,
        query=f"sourceIdentifier={source}",
    )
    await exchange.audit.record(asked)
    patients = {row.id: _patient(exchange, row) for row in rows}
    patients.setdefault(person, {"resourceType": "Patient", "id": person})
    except_id = value.removeprefix("Patient/") if by_id else None
    parameters = [
        *_identifiers(patients.values(), targets, (system, value)),
        *_logical_ids(patients, targets, base, except_id),
    ]
    return {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}


def _refused(status: int, code: str, diagnostics: str) -> Problem:
    chinese = {
        "sourceIdentifier Assigning Authority not found": "sourceIdentifier 的签发机构未知",
        "targetSystem not found": "targetSystem 未知",
        "sourceIdentifier Patient Identifier not found": "没有该 sourceIdentifier 对应的患者",
    }
    return problem(
        status, code, diagnostics, chinese[diagnostics], diagnostics.split(" ", maxsplit=1)[0]
    )


def _patient(exchange: Exchange, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(
        exchange.store.bodies.expand(row.dictionary, row.body or b"")
    )
    return found


def is_replaced(patient: dict[str, Any]) -> bool:
    """Whether the Patient was merged into another."""
    return patient.get("active") is False and any(
        link.get("type") == "replaced-by" for link in patient.get("link", ())
    )


async def _search(
    connection: Connection, exchange: Exchange, caller: Caller, pairs: list[tuple[str, str]]
) -> list[Row]:
    query = parse("Patient", [*pairs, ("_count", "100")])
    page = await execute(connection, exchange.store, query, restriction(caller, "s"))
    return page.matches


async def _person(connection: Connection, found: Sequence[str]) -> str:
    """The one person behind the Patients found. Problem 404 if there is none, 409 if several."""
    known = await person_of(connection, found)
    persons = {known.get(id_, id_) for id_ in found}
    golden = await linked(connection, persons)
    if len(golden) > 1:
        raise problem(
            409,
            "multiple-matches",
            "sourceIdentifier stands in the records of several persons",
            "该 sourceIdentifier 出现在多人的记录中",
            "sourceIdentifier",
        )
    if not golden:
        raise _refused(404, "not-found", "sourceIdentifier Patient Identifier not found")
    return next(iter(golden))


def _identifiers(
    patients: Iterable[dict[str, Any]], targets: Sequence[str], asked: tuple[str, str]
) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for patient in patients:
        for one in patient.get("identifier", ()):
            key = (one.get("system", ""), one.get("value", ""))
            wanted = not targets or key[0] in targets
            if wanted and all(key) and key != asked:
                found.setdefault(key, one)
    return [{"name": "targetIdentifier", "valueIdentifier": one} for one in found.values()]


def _logical_ids(
    patients: dict[str, dict[str, Any]], targets: Sequence[str], base: str, asked: str | None
) -> list[dict[str, Any]]:
    """Patient resources: all of them, or those with an identifier of a system that is wanted."""
    return [
        {"name": "targetId", "valueReference": {"reference": f"Patient/{id_}"}}
        for id_, patient in patients.items()
        if id_ != asked
        and not is_replaced(patient)
        and (
            not targets
            or base in targets
            or any(one.get("system") in targets for one in patient.get("identifier", ()))
        )
    ]
