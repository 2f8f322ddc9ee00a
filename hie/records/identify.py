"""Who may be the person that somebody describes: `$match`, made so that nobody can trawl with it.

https://hl7.org/fhir/R4/patient-operation-match.html and IHE PDQm, transaction ITI-119:
https://profiles.ihe.net/ITI/PDQm/ITI-119.html

- It takes a scope to search Patients; residents have no use for it and may not.
- The description must be one that a counter has of somebody present: a number and a name or birth
  date, or a name, the whole birth date and one thing more.
- At most `MOST_ANSWERS` come back, none that certainly is not, and questions a minute are counted.
- A clinician or steward sees golden demographics; an institution the golden id with its own records
  of that person, and of a person it does not know yet only who is certain or probable.
- Every question is on record, under each person that it found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import Issue, Problem, Text, problem
from hie.fhir.outcome import operation_outcome
from hie.fhir.subset import SUBSETTED
from hie.fhir.validation import validate
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.mpi import features
from hie.mpi.asked import count_question
from hie.mpi.match import Match, match
from hie.mpi.people import held_by, struck_off
from hie.records.bundle import bundle
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.search.execute import execute
from hie.search.parse import parse

MOST_ANSWERS = 10
PERSON_QUESTIONS = 30
"""A minute, of one member of staff."""
INSTITUTION_QUESTIONS = 600
"""A minute, of one institution's system: the busiest hospital's counters together."""
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_ASKED = ("identifier", "name", "gender", "birthDate", "telecom", "address")


async def identify(
    exchange: Exchange,
    caller: Caller,
    patient: Mapping[str, Any],
    *,
    count: int = MOST_ANSWERS,
    only_certain: bool = False,
    language: str = "en",
) -> bytes:
    """A searchset Bundle of Patients, best first, each with its probability and grade.

    What of the question could not be used is told beside them in `language`.

    Problem 403 for callers that may not ask, 400 or 422 for a description that is invalid or too
    thin, 429 for too many questions.
    """
    _require(caller)
    _check(patient)
    async with exchange.store.database.connection() as connection:
        await count_question(
            connection, caller.account or caller.client_id, questions_allowed(caller)
        )
        found = await match(
            connection, exchange.store, patient, count=MOST_ANSWERS, only_certain=only_certain
        )
        shown = (
            await _for_institution(connection, caller, found)
            if caller.kind == "institution"
            else await _for_person(connection, exchange, caller, found)
        )
    answers = [one for one in found if one.person in shown][: min(count, MOST_ANSWERS)]
    asked = {key: patient[key] for key in _ASKED if key in patient}
    # Action E and the query as asked: https://profiles.ihe.net/ITI/PDQm/volume-1.html#1385-pdqm-security-considerations
    events = [
        event(
            caller,
            "E",
            "match",
            person,
            entity_type="Patient",
            entity_id=person,
            query=orjson.dumps(asked).decode()[:4000],
        )
        for person in (*(one.person for one in answers), *([] if answers else [None]))
    ]
    await exchange.audit.record(*events)
    base = exchange.settings.fhir_base
    entries = [_entry(base, one, shown[one.person]) for one in answers]
    issues = _warnings(patient, count) if answers or not only_certain else []
    if issues:
        outcome = orjson.dumps(operation_outcome(issues, language))
        entries.append(b'{"resource":%s,"search":{"mode":"outcome"}}' % outcome)
    return bundle("searchset", entries, total=len(answers), moment=now())


def questions_allowed(caller: Caller) -> int:
    """How often in a minute the caller may ask who somebody is."""
    return INSTITUTION_QUESTIONS if caller.kind == "institution" else PERSON_QUESTIONS


def _require(caller: Caller) -> None:
    require(caller, "s", "Patient")
    if caller.kind == "resident" or caller.patient is not None:
        raise problem(
            403,
            "forbidden",
            "Matching is for institutions and members of staff",
            "只有机构系统和工作人员可以进行身份匹配",
        )


def _check(patient: Mapping[str, Any]) -> None:
    if patient.get("resourceType") != "Patient":
        raise problem(
            400,
            "invalid",
            "The parameter 'resource' must be a Patient",
            "参数“resource”应为 Patient 资源",
            "Parameters.parameter.where(name='resource')",
        )
    issues = [one for one in validate(dict(patient)) if one.severity in ("error", "fatal")]
    if issues:
        raise Problem(422, issues)
    if not _sufficient(patient):
        raise problem(
            422,
            "required",
            "Describe one person: an identity or card number with a name or birth date; or a name, "
            "the whole birth date and one of sex, phone and address",
            "请描述一个具体的人：证件或卡号加姓名或出生日期；或姓名、完整出生日期，再加性别、电话、住址之一",
            "Patient",
        )


def _warnings(patient: Mapping[str, Any], count: int) -> list[Issue]:
    """What of the question was not used as it stands (case 10 of ITI-119)."""
    told = features.of_patient(patient)
    found = []
    if count > MOST_ANSWERS:
        found.append(
            _warning(
                f"At most {MOST_ANSWERS} persons are told",
                f"最多返回 {MOST_ANSWERS} 人",
                "Parameters.parameter.where(name='count')",
            )
        )
    if told.damaged:
        found.append(
            _warning(
                "An identity number fails its check and only suggests persons",
                "身份证号未通过校验，仅作参考",
                "Patient.identifier",
            )
        )
    if told.foreign:
        found.append(
            _warning(
                "An identity number contradicts birth date or sex and proves nothing",
                "身份证号与出生日期或性别不符，不作为依据",
                "Patient.identifier",
            )
        )
    return found


def _warning(en: str, zh: str, expression: str) -> Issue:
    return Issue("informational", Text(en, zh), expression, severity="warning")


def _sufficient(patient: Mapping[str, Any]) -> bool:
    told = features.of_patient(patient)
    numbers = (*told.numbers, *told.damaged, *told.foreign, *told.passports, *told.cards)
    born = len(str(patient.get("birthDate", ""))) == len("1980-05-17")
    if numbers or told.others:
        return bool(told.names) or born
    return bool(told.names) and born and bool(told.sex or told.phones or told.homes)


async def _for_institution(
    connection: Connection, caller: Caller, found: Sequence[Match]
) -> dict[str, bytes]:
    """Of each person the golden id and the links to the institution's own records."""
    persons = [one.person for one in found]
    own = await held_by(connection, persons, caller.institution)
    inactive = await struck_off(connection, persons)
    return {
        one.person: orjson.dumps(
            _known_to(one.person, own.get(one.person, ()), active=one.person not in inactive)
        )
        for one in found
        if one.grade in ("certain", "probable") or one.person in own
    }


def _known_to(person: str, own: Sequence[str], *, active: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "resourceType": "Patient",
        "id": person,
        "meta": {"tag": [SUBSETTED]},
        **({} if active else {"active": False}),
    }
    if own:
        shown["link"] = [
            {"other": {"reference": f"Patient/{id_}"}, "type": "seealso"} for id_ in own
        ]
    return shown


async def _for_person(
    connection: Connection, exchange: Exchange, caller: Caller, found: Sequence[Match]
) -> dict[str, bytes]:
    """The golden Patients, as the caller would find them by searching."""
    if not found:
        return {}
    ids = ",".join(one.person for one in found)
    query = parse("Patient", [("_id", ids), ("_count", str(len(found)))])
    page = await execute(connection, exchange.store, query, restriction(caller, "s"))
    expand = exchange.store.bodies.expand
    return {row.id: expand(row.dictionary, row.body or b"") for row in page.matches}


def _entry(base: str, one: Match, body: bytes) -> bytes:
    search = {
        "extension": [{"url": GRADE, "valueCode": one.grade}],
        "mode": "match",
        "score": one.probability,
    }
    return b'{"fullUrl":%s,"resource":%s,"search":%s}' % (
        orjson.dumps(f"{base}/Patient/{one.person}"),
        body,
        orjson.dumps(search),
    )
