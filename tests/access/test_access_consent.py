"""Consents: the compiled rules, and the restriction in SQL against a naive evaluation in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from access_district import ACT_CODE, ICD, INSTITUTIONS, LOINC, District, coded, district
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_consent import Reading, Row, decision, hides

from hie.access.clause import Clause, Mark, Period, meet
from hie.access.consent import ACT_REASON, NOTICE, SCOPE, compile_consent
from hie.access.denials import Written, enforce, forget
from hie.access.opened_record import Opener, open_record
from hie.access.policy import restriction
from hie.errors import Problem
from hie.records.open import open_exchange
from hie.search.restriction import condition
from hie.settings import Settings
from hie.store.read import PAST

Resource = dict[str, Any]
READERS = {
    "h1-a": ("H1", "a", "TREAT"),
    "h1-b": ("H1", "b", "ETREAT"),
    "h2-c": ("H2", "c", "COC"),
}
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


@pytest.fixture(scope="module")
async def there(cloned: Callable[[], AbstractContextManager[str]]) -> AsyncIterator[District]:
    with cloned() as conninfo:
        async with open_exchange(Settings(database_url=conninfo), conninfo) as exchange:
            made = await district(exchange)
            async with exchange.store.database.transaction() as connection:
                for account, (_, _, reason) in READERS.items():
                    await open_record(
                        connection,
                        Opener(account, "portal-clinician", None),
                        patient=made.person,
                        reason=reason,
                        note="needed",
                        basis="encounter",
                    )
            yield made


def actor(role: str, name: str) -> Resource:
    reference: Resource = {"reference": name}
    if name in INSTITUTIONS:
        reference = {"identifier": {"system": "urn:hie:institution", "value": name}}
    return {"role": {"coding": [{"system": PARTICIPATION, "code": role}]}, "reference": reference}


def consent(provision: Resource | None = None, **more: object) -> Resource:
    made: Resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [coded("http://loinc.org", "59284-0")],
        "policy": [{"uri": NOTICE}],
        **more,
    }
    return made if provision is None else {**made, "provision": provision}


RECEIVERS = st.sampled_from(("H1", "H2", "Practitioner/a", "Practitioner/b", "Practitioner/z"))
CODES = st.sampled_from(
    ((LOINC, "4548-4"), (LOINC, "8480-6"), (LOINC, "0000-0"), (ICD, "I10"), (ICD, "Z99"))
)
PERIODS = st.sampled_from(
    (
        {"start": "2018", "end": "2019"},
        {"start": "2022-05-02"},
        {"end": "2022-05"},
        {"start": "2022-05-03", "end": "2025-05-01"},
    )
)
VALID = st.sampled_from(({"start": "2020"}, {"end": "2021"}, {"start": "2020", "end": "2090"}))
CONDITIONS = {
    "actor": st.lists(
        st.builds(actor, st.just("IRCP"), RECEIVERS)
        | st.builds(actor, st.just("CST"), st.sampled_from(INSTITUTIONS)),
        min_size=1,
        max_size=3,
    ),
    "purpose": st.lists(
        st.sampled_from(("TREAT", "ETREAT", "COC", "HRESCH")).map(
            lambda code: {"system": ACT_REASON, "code": code}
        ),
        min_size=1,
        max_size=2,
    ),
    "class": st.lists(
        st.sampled_from(("Observation", "Condition", "Encounter")).map(
            lambda name: {"system": "http://hl7.org/fhir/resource-types", "code": name}
        )
        | CODES.map(lambda code: {"system": code[0], "code": code[1]}),
        min_size=1,
        max_size=2,
    ),
    "code": st.lists(CODES.map(lambda code: coded(*code)), min_size=1, max_size=2),
    "securityLabel": st.just([{"system": ACT_CODE, "code": "TBOO"}]),
    "dataPeriod": PERIODS,
    "data": st.lists(
        st.builds(
            lambda meaning, name: {"meaning": meaning, "reference": {"reference": name}},
            st.sampled_from(("instance", "related")),
            st.sampled_from(("Encounter/H1-v1", "Encounter/H2-v0", "Observation/H1-v2-o")),
        ),
        min_size=1,
        max_size=2,
    ),
    "period": VALID,
}


def provisions(depth: int) -> st.SearchStrategy[Resource]:
    own = st.sets(st.sampled_from(sorted(CONDITIONS)), max_size=2).flatmap(
        lambda names: st.fixed_dictionaries(
            {"type": st.sampled_from(("deny", "permit")), **{n: CONDITIONS[n] for n in names}}
        )
    )
    if depth == 0:
        return own
    inner = st.lists(provisions(depth - 1), max_size=2)
    return st.builds(
        lambda node, nested: {**node, **({"provision": nested} if nested else {})}, own, inner
    )


def reading(account: str) -> Reading:
    institution, practitioner, reason = READERS[account]
    return Reading(
        frozenset({institution, f"Practitioner/{practitioner}"}), frozenset({reason, "TREAT"})
    )


async def seen(there: District, account: str) -> tuple[set[str], set[str]]:
    """References of current and of superseded versions that SQL lets the clinician see.

    They are the same whether they are asked for together or one by one.
    """
    institution, practitioner, _ = READERS[account]
    caller = there.clinician(institution, practitioner, account)
    found: dict[bool, list[set[str]]] = {True: [], False: []}
    async with there.exchange.store.database.connection() as connection:
        for by_id, sets in found.items():
            text, values = condition(restriction(caller, "r"), None, by_id=by_id)
            for table in ("store.resource r", PAST):
                cursor = await connection.execute(
                    f"SELECT r.type, r.id FROM {table} WHERE {text}".encode(), values
                )
                sets.append({row[1] for row in await cursor.fetchall()})
    assert found[True] == found[False]
    current, past = found[True]
    return current, past


def rows(there: District, *, past: bool) -> list[Row]:
    kinds = {"Observation"} if past else {"Observation", "Condition", "Encounter"}
    return [
        Row(resource, reference.partition("/")[2][:2], past)
        for reference, resource in there.rows.items()
        if resource["resourceType"] in kinds
    ]


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(roots=st.lists(provisions(2), min_size=1, max_size=2))
async def test_sql_shows_what_a_naive_evaluation_shows(
    there: District, roots: list[Resource]
) -> None:
    ids = [f"c{number}" for number in range(len(roots))]
    database = there.exchange.store.database
    async with database.transaction() as connection:
        for id_, root in zip(ids, roots, strict=True):
            written = Written(id_, there.person, 1, "zhang", consent(root))
            await enforce(connection, there.exchange.store.hasher, written)
    try:
        for account in READERS:
            current, past = await seen(there, account)
            for row in rows(there, past=False):
                naive = any(
                    decision(root, root["type"], row, reading(account)) == "deny"
                    for root in roots
                    if not (row.resource["resourceType"] == "Condition" and "-v0" in row.reference)
                )
                if row.resource["resourceType"] == "Condition" and "-v0" in row.reference:
                    naive = any(hides(root, row, reading(account)) for root in roots)  # no date
                assert (row.resource["id"] in current) is not naive, (account, row.reference)
            for row in rows(there, past=True):
                naive = any(hides(root, row, reading(account)) for root in roots)
                assert (row.resource["id"] in past) is not naive, (account, row.reference)
    finally:
        async with database.transaction() as connection:
            await forget(connection, ids)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(root=provisions(1), narrowing=provisions(0))
async def test_another_consent_never_shows_more_and_order_does_not_matter(
    there: District, root: Resource, narrowing: Resource
) -> None:
    database, hasher = there.exchange.store.database, there.exchange.store.hasher

    async def with_consents(*given_now: tuple[str, Resource]) -> list[tuple[set[str], set[str]]]:
        async with database.transaction() as connection:
            for id_, one in given_now:
                await enforce(
                    connection, hasher, Written(id_, there.person, 1, "zhang", consent(one))
                )
        found = [await seen(there, account) for account in READERS]
        async with database.transaction() as connection:
            await forget(connection, [id_ for id_, _ in given_now])
        return found

    nothing = await with_consents()
    one = await with_consents(("a", root))
    both = await with_consents(("a", root), ("b", narrowing))
    reverse = await with_consents(("b", narrowing), ("a", root))
    assert both == reverse
    for most, more, less in zip(nothing, one, both, strict=True):
        for wide, middle, narrow in zip(most, more, less, strict=True):
            assert narrow <= middle <= wide


MARKS = st.builds(Mark, st.just("code"), st.none(), st.sampled_from("abc"))
CLAUSES = st.builds(
    Clause,
    types=st.none() | st.frozensets(st.sampled_from(("Observation", "Condition")), min_size=1),
    custodians=st.none() | st.frozensets(st.sampled_from(("x", "y")), min_size=1),
    dates=st.frozensets(st.just(Period()), max_size=1),
    marks=st.frozensets(st.frozensets(MARKS, min_size=1), max_size=2),
    recipients=st.frozensets(st.frozensets(st.sampled_from("pq"), min_size=1), max_size=2),
)


@given(CLAUSES, CLAUSES, CLAUSES)
def test_meeting_is_commutative_associative_and_idempotent(
    one: Clause, other: Clause, third: Clause
) -> None:
    assert meet(one, other) == meet(other, one)
    assert meet(meet(one, other), third) == meet(one, meet(other, third))
    assert meet(one, one) == one
    assert meet(one, Clause()) == one


@pytest.mark.parametrize(
    "status", ["draft", "proposed", "rejected", "inactive", "entered-in-error"]
)
def test_only_an_active_consent_denies(status: str) -> None:
    assert compile_consent(consent({"type": "deny"}))
    assert compile_consent(consent({"type": "deny"}, status=status)) == ()


def test_a_consent_about_treatment_or_research_is_a_document() -> None:
    scope = {"coding": [{"system": SCOPE, "code": "treatment"}]}
    assert compile_consent(consent({"type": "deny"}, scope=scope)) == ()


def test_opting_out_denies_from_its_date_on() -> None:
    (denial,) = compile_consent(
        consent(policyRule=coded(ACT_CODE, "OPTOUT"), dateTime="2026-01-01T00:00:00Z")
    )
    assert denial.clause.valid.low is not None
    assert denial.clause.recipients == {frozenset({"staff"})}


@pytest.mark.parametrize(
    ("provision", "place"),
    [
        ({}, "Consent.provision.type"),
        ({"type": "deny", "provision": [{}]}, "Consent.provision.provision[0].type"),
        ({"type": "deny", "actor": [actor("AUT", "H1")]}, "Consent.provision.actor[0].role"),
        (
            {"type": "deny", "actor": [actor("IRCP", "Group/1")]},
            "Consent.provision.actor[0].reference",
        ),
        ({"type": "deny", "purpose": [{"code": "TREAT"}]}, "Consent.provision.purpose"),
        ({"type": "deny", "code": [{"text": "x"}]}, "Consent.provision.code"),
        (
            {"type": "deny", "class": [{"system": "urn:ietf:bcp:13", "code": "text/xml"}]},
            "Consent.provision.class[0]",
        ),
        (
            {
                "type": "deny",
                "data": [{"meaning": "authoredby", "reference": {"reference": "Practitioner/a"}}],
            },
            "Consent.provision.data[0]",
        ),
    ],
)
def test_what_cannot_be_enforced_is_refused(provision: Resource, place: str) -> None:
    with pytest.raises(Problem) as refused:
        compile_consent(consent(provision))
    assert refused.value.status == 422
    assert refused.value.issues[0].expression == place


async def test_names_that_stand_for_nothing_are_refused(there: District) -> None:
    for provision in (
        {"type": "deny", "actor": [actor("IRCP", "Organization/nowhere")]},
        {
            "type": "deny",
            "data": [{"meaning": "instance", "reference": {"reference": "Observation/other"}}],
        },
    ):
        written = Written("c", there.person, 1, "zhang", consent(provision))
        async with there.exchange.store.database.connection() as connection:
            with pytest.raises(Problem, match=r"There is no|The record has no"):
                await enforce(connection, there.exchange.store.hasher, written)
