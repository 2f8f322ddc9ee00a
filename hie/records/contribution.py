"""What residents write themselves, through their own token. https://hl7.org/fhir/R4/consent.html

Consents, measurements taken at home, and messages (notes, requests to correct an entry). They belong
to the exchange, are marked as the resident's, and are about the resident alone: a consent given in
somebody else's name is refused. A Consent is put in force in the transaction that stores it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from hie.access.caller import CONTRIBUTED, EXCHANGE_INSTITUTION, Caller
from hie.access.consent import concerns_disclosure
from hie.access.denials import Written, enforce, forget, person_of_consent
from hie.access.representation import may
from hie.errors import Problem, problem
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.mpi.people import patient_key
from hie.records.change import Change
from hie.records.entry import Entry, Prepared
from hie.records.exchange import Exchange
from hie.store.write import locate

Resource = Mapping[str, Any]

# Who the entry is about, and who may be named as having made it.
SUBJECT = {"Consent": "patient", "Observation": "subject", "Communication": "subject"}
AUTHORS = {"Consent": "performer", "Observation": "performer", "Communication": "sender"}
CONSENT = type_number("Consent")


def contributing_institution(caller: Caller, entry: Entry) -> int | None:
    """The exchange, if a resident may make this entry; None for callers who are no residents.

    Problem 403 for what residents do not write. An existing entry is replaced as a whole, so that
    the result is seen before it counts.
    """
    if caller.kind != "resident" or caller.patient is None:
        return None
    if entry.type in CONTRIBUTED and entry.method in ("POST", "PUT", "DELETE"):
        return EXCHANGE_INSTITUTION
    raise problem(
        403,
        "forbidden",
        f"Residents write {', '.join(sorted(CONTRIBUTED))}; this is for institutions",
        f"居民可填写 {'、'.join(sorted(CONTRIBUTED))}；其余由机构写入",
        entry.expression,
    )


async def check_contributions(
    connection: Connection, exchange: Exchange, caller: Caller, items: Sequence[Prepared]
) -> None:
    """Mark what a resident writes, and refuse what is not about the resident alone.

    Problem 403 for somebody else's matters, 404 for entries that are not the resident's own.
    """
    if caller.kind != "resident" or caller.patient is None:
        return
    await _check_representation(connection, caller, caller.patient, items)
    places = await locate(
        connection, [(i.type_number, i.id) for i in items if i.entry.method != "POST"]
    )
    own = patient_key(exchange.store.hasher, caller.patient)
    for item in items:
        if item.entry.method != "POST":
            place = places.get((item.type_number, item.id))
            if (
                place is None
                or place.institution != EXCHANGE_INSTITUTION
                or place.patient_key != own
            ):
                raise _unknown(item)
        if item.entry.method != "DELETE":
            _check_person(item, caller.patient)
            item.contributed = True


async def _check_representation(
    connection: Connection, caller: Caller, patient: str, items: Sequence[Prepared]
) -> None:
    if caller.representative is None:
        return
    for item in items:
        action = "consent" if item.entry.type == "Consent" else "contribute"
        if not await may(connection, patient, caller.representative, action):
            raise problem(
                403,
                "forbidden",
                "You may read this record, but not decide or write for this person",
                "您可以查阅该档案，但不能代其决定或填写",
                item.entry.expression,
            )


def _unknown(item: Prepared) -> Problem:
    name = f"{item.entry.type}/{item.id}"
    return problem(
        404,
        "not-found",
        f"There is no {name} of yours; new entries get their id from the exchange",
        f"没有您填写的 {name}；新条目的 id 由平台分配",
        item.entry.expression,
    )


def _check_person(item: Prepared, patient: str) -> None:
    resource, own = item.resource, {"reference": f"Patient/{patient}"}
    subject = SUBJECT[item.entry.type]
    authors = resource.get(AUTHORS[item.entry.type], [])
    named = [resource.get(subject, {}), *(authors if isinstance(authors, list) else [authors])]
    others = [place for place, literal in _patients(resource) if literal != own["reference"]]
    if others or any(one.get("reference") != own["reference"] for one in named):
        raise problem(
            403,
            "forbidden",
            f"{item.entry.type}.{subject} and all persons named have to be Patient/{patient}",
            f"{item.entry.type}.{subject} 及所涉人员必须是 Patient/{patient} 本人",
            f"{item.entry.type}.{subject}",
        )


def _patients(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """References to persons; whom a consent addresses is no statement about that person."""
    if isinstance(value, dict):
        literal = value.get("reference")
        if isinstance(literal, str) and "Patient/" in literal:
            yield place, literal
        for name, member in value.items():
            if not (place == "" and name == "provision"):
                yield from _patients(member, f"{place}.{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _patients(member, place)


async def put_in_force(
    connection: Connection, exchange: Exchange, caller: Caller, changes: Sequence[Change]
) -> None:
    """Compile the Consents among the changes, and end those that are gone. Problem 422."""
    for change in changes:
        if change.row is None or change.row.type != CONSENT:
            continue
        if change.body is None:
            await forget(connection, [change.id])
            continue
        known = await person_of_consent(connection, change.id)
        person = caller.patient if caller.kind == "resident" else known
        if person is None:
            continue  # an institution's copy of a signed form is a document
        resource = orjson.loads(change.body)
        if caller.kind == "resident" and not concerns_disclosure(resource):
            raise problem(
                422,
                "not-supported",
                "Residents decide here who may read their record: Consent.scope is patient-privacy",
                "居民在此决定谁可查阅档案：Consent.scope 须为 patient-privacy",
                "Consent.scope",
            )
        by = caller.account or caller.client_id
        written = Written(change.id, person, change.version, by, resource)
        await enforce(connection, exchange.store.hasher, written)
