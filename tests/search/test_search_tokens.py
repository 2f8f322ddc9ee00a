"""Tokens, references and addresses in all their forms. https://hl7.org/fhir/R4/search.html#token"""

from typing import Any

import pytest
from search_fixtures import Find, Load

from hie.errors import Problem
from hie.search.restriction import Restriction, Rule

LOINC = "http://loinc.org"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"


def condition(logical_id: str, code: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "subject": {"reference": "Patient/p"},
        **({"code": code} if code else {}),
        **more,
    }


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(
        condition("coded", {"coding": [{"system": "http://acme.org/a", "code": "Ha125"}]}),
        condition("other", {"coding": [{"system": "http://acme.org/b", "code": "ha125"}]}),
        condition("bare", {"coding": [{"code": "ha125"}]}),
        condition(
            "texts",
            {
                "coding": [{"system": "http://acme.org/a", "code": "x,y|z", "display": "Headache"}],
                "text": "頭痛 bad",
            },
        ),
        condition(
            "empty", None, encounter={"identifier": {"system": "urn:visits", "value": "V-1"}}
        ),
        {
            "resourceType": "Patient",
            "id": "p",
            "active": True,
            "gender": "male",
            "identifier": [
                {
                    "system": "http://acme.org/mrn",
                    "value": "446053",
                    "type": {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR"}]},
                }
            ],
            "telecom": [{"system": "phone", "value": "199 0000-1234", "use": "home"}],
            "managingOrganization": {"reference": "Organization/o/_history/3"},
            "meta": {
                "tag": [{"system": "urn:tags", "code": "demo"}],
                "profile": ["http://acme.org/profile|2.0"],
                "source": "urn:source:1",
                "security": [{"system": "urn:labels", "code": "R"}],
            },
        },
        {"resourceType": "Patient", "id": "q", "gender": "female", "deceasedBoolean": True},
        {"resourceType": "ValueSet", "id": "v", "url": "http://acme.org/fhir/ValueSet/123"},
        {
            "resourceType": "ValueSet",
            "id": "second",
            "url": "http://acme.org/vs",
            "version": "2.0",
        },
        {"resourceType": "ValueSet", "id": "w", "url": "http://acme.org/fhir"},
        {"resourceType": "ValueSet", "id": "u", "url": "urn:oid:1.2.3"},
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # "[parameter]=[code]: ... irrespective of the value of the system property"; folded case
        ("code", "ha125", "bare coded other"),
        ("code", "HA125", "bare coded other"),
        # with its system, compared exactly
        ("code", "http://acme.org/a|ha125", "coded"),
        ("code", "http://acme.org/A|ha125", ""),
        # "a Coding/Identifier that has no system property"
        ("code", "|ha125", "bare"),
        # a system alone: any of its codes
        ("code", "http://acme.org/a|", "coded texts"),
        # a comma is "or", an escaped one is itself
        ("code", "http://acme.org/a|ha125,http://acme.org/b|ha125", "coded other"),
        ("code", r"x\,y\|z", "texts"),
        ("code", r"http://acme.org/a|x\,y\|z", "texts"),
        ("code", "x", ""),
        ("code:not", "http://acme.org/a|ha125", "bare empty other texts"),
        ("code:not", "http://acme.org/a|ha125,|ha125", "empty other texts"),
        ("code:text", "head", "texts"),
        ("code:text", "头痛", "texts"),
        ("code:text", "ache", ""),
        ("code:missing", "true", "empty"),
        ("code:missing", "false", "bare coded other texts"),
        # references
        ("subject", "Patient/p", "bare coded empty other texts"),
        ("subject", "p", "bare coded empty other texts"),
        ("subject:Patient", "p", "bare coded empty other texts"),
        ("patient", "p", "bare coded empty other texts"),
        ("patient", "Patient/p", "bare coded empty other texts"),
        ("subject", "Group/p", ""),
        ("subject", "https://elsewhere.org/Patient/p", ""),
        ("encounter:identifier", "urn:visits|V-1", "empty"),
        ("encounter:identifier", "v-1", "empty"),
        ("encounter:missing", "false", "empty"),
        ("_id", "coded,bare,nobody", "bare coded"),
    ],
)
async def test_conditions(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("Condition", (name, value))) == expected.split()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("identifier", "http://acme.org/mrn|446053", "p"),
        ("identifier", "446053", "p"),
        ("identifier:of-type", f"{IDENTIFIER_TYPE}|MR|446053", "p"),
        ("identifier:of-type", f"{IDENTIFIER_TYPE}|SS|446053", ""),
        ("gender", "male", "p"),
        ("gender:not", "male", "q"),
        # "the namespace of a code element is implied by its value set"
        ("gender", "http://hl7.org/fhir/administrative-gender|male", "p"),
        ("gender", "http://acme.org/sex|male", ""),
        ("gender", "http://hl7.org/fhir/administrative-gender|", "p q"),
        ("gender:not", "http://hl7.org/fhir/administrative-gender|", ""),
        ("gender", "http://acme.org/sex|", ""),
        # a boolean has an implicit system, "but this is never actually used"
        ("active", "http://hl7.org/fhir/special-values|true", "p"),
        ("active", "http://hl7.org/fhir/special-values|false", ""),
        ("active", "http://terminology.hl7.org/CodeSystem/special-values|", "p"),
        ("gender", "http://hl7.org/fhir/special-values|male", ""),
        ("gender", "|male", "p"),
        ("active", "true", "p"),
        ("active:missing", "true", "q"),
        ("deceased", "false", "p"),
        ("deceased", "true", "q"),
        ("phone", "19900001234", "p"),
        ("telecom", "199-0000-1234", "p"),
        ("email", "19900001234", ""),
        ("organization", "Organization/o", "p"),
        ("organization", "Organization/o/_history/1", "p"),
        ("_tag", "urn:tags|demo", "p"),
        ("_tag:not", "demo", "q"),
        ("_security", "R", "p"),
        ("_profile", "http://acme.org/profile", "p"),
        ("_profile", "http://acme.org/profile|2.0", "p"),
        ("_profile", "http://acme.org/profile|1.0", ""),
        ("_source", "urn:source:1", "p"),
    ],
)
async def test_patients(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("Patient", (name, value))) == expected.split()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url", "http://acme.org/fhir/ValueSet/123", "v"),
        ("url", "http://acme.org/fhir/valueset/123", ""),
        ("url:below", "http://acme.org/fhir", "v w"),
        ("url:below", "http://acme.org/fhir/", "v"),
        ("url:above", "http://acme.org/fhir/ValueSet/123/_history/5", "v w"),
        ("url", "urn:oid:1.2.3", "u"),
        # of definitions the version can be asked for with the address
        ("url", "http://acme.org/vs|2.0", "second"),
        ("url", "http://acme.org/vs|1.0", ""),
        ("url", "http://acme.org/vs|1.0,http://acme.org/vs|2.0,urn:oid:1.2.3", "second u"),
        ("url", "http://acme.org/vs|", ""),
    ],
)
async def test_addresses(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("ValueSet", (name, value))) == expected.split()


async def test_all_parameters_must_hold(loaded: None, find: Find) -> None:
    assert await find("Condition", ("code", "ha125"), ("code", "|ha125")) == ["bare"]
    assert await find("Condition", ("code", "ha125"), ("patient", "nobody")) == []


ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ANIMALS = "urn:example:animals"
CLASSES = {"amb": "AMB", "acute": "ACUTE", "nonac": "NONAC", "imp": "IMP", "other": "x"}


@pytest.fixture(scope="module")
async def coded(load: Load) -> None:
    await load(
        *(
            {
                "resourceType": "Encounter",
                "id": name,
                "status": "finished" if name == "amb" else "planned",
                "class": {"system": ACT, "code": code},
            }
            for name, code in CLASSES.items()
        ),
        {"resourceType": "Encounter", "id": "none", "status": "arrived"},
        {
            "resourceType": "CodeSystem",
            "id": "animals",
            "url": ANIMALS,
            "content": "complete",
            "concept": [{"code": "animal", "concept": [{"code": "dog"}, {"code": "cat"}]}],
        },
        *(
            {
                "resourceType": "ValueSet",
                "id": f"pets{version}",
                "url": "urn:example:pets",
                "version": version,
                "compose": {
                    "include": [{"system": ANIMALS, "concept": [{"code": code}]}],
                },
            }
            for version, code in (("1", "dog"), ("2", "cat"))
        ),
        *(
            {
                "resourceType": "Observation",
                "id": code,
                "code": {"coding": [{"system": ANIMALS, "code": code}]},
            }
            for code in ("animal", "dog", "cat")
        ),
    )


@pytest.mark.parametrize(
    ("type_name", "name", "value", "expected"),
    [
        # "the coding is in the specified value set"
        ("Observation", "code:in", "urn:example:pets|1", "dog"),
        ("Observation", "code:in", "urn:example:pets|2", "cat"),
        ("Observation", "code:in", "urn:example:pets", "cat"),
        ("Observation", "code:in", "ValueSet/pets1", "dog"),
        ("Observation", "code:in", "urn:example:pets|1,urn:example:pets|2", "cat dog"),
        ("Observation", "code:not-in", "urn:example:pets|1", "animal cat"),
        # "the coding subsumes" and "is subsumed by"
        ("Observation", "code:below", f"{ANIMALS}|animal", "animal cat dog"),
        ("Observation", "code:below", f"{ANIMALS}|dog", "dog"),
        ("Observation", "code:above", f"{ANIMALS}|dog", "animal dog"),
        ("Observation", "code:above", f"{ANIMALS}|fish", ""),
        # the systems and sets of R4 itself
        ("Encounter", "class:below", f"{ACT}|IMP", "acute imp nonac"),
        ("Encounter", "class:above", f"{ACT}|ACUTE", "acute imp"),
        (
            "Encounter",
            "class:in",
            "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode",
            "acute amb imp nonac",
        ),
        (
            "Encounter",
            "class:not-in",
            "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode",
            "none other",
        ),
        # a code whose system is implied
        (
            "Encounter",
            "status:in",
            "http://hl7.org/fhir/ValueSet/encounter-status",
            "acute amb imp nonac none other",
        ),
        ("Encounter", "status:below", "finished", "amb"),
    ],
)
async def test_sets_and_hierarchies_of_codes(
    coded: None, find: Find, type_name: str, name: str, value: str, expected: str
) -> None:
    assert sorted(await find(type_name, (name, value))) == expected.split()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code:in", "urn:unknown"),
        ("code:in", "urn:example:pets|3"),
        ("code:in", "http://hl7.org/fhir/ValueSet/body-site"),
        ("code:below", "urn:unknown|x"),
        # named as it was sent, with the way to it
        ("code:not-in", "urn:unknown"),
        ("has-member:Observation.code:in", "urn:unknown"),
        ("_has:Observation:has-member:code:not-in", "urn:unknown"),
        ("_filter", "code in urn:unknown"),
    ],
)
async def test_unknown_sets_of_codes_are_refused(
    coded: None, find: Find, name: str, value: str
) -> None:
    with pytest.raises(Problem) as caught:
        await find("Observation", (name, value))
    assert (caught.value.status, caught.value.issues[0].code) == (400, "not-found")
    assert caught.value.issues[0].expression == name


async def test_a_set_of_codes_that_may_not_be_seen_is_unknown(coded: None, find: Find) -> None:
    only = Restriction((Rule(types=frozenset({"Observation"})),))
    with pytest.raises(Problem) as caught:
        await find("Observation", ("code:in", "ValueSet/pets1"), restriction=only)
    assert caught.value.issues[0].code == "not-found"


@pytest.mark.parametrize(
    ("type_name", "name", "value"),
    [
        ("Patient", "nonsense", "1"),
        ("Patient", "name", "a\x00b"),
        ("Patient", "gender:exact", "male"),
        ("Observation", "code:below", "animal"),
        ("Observation", "code:in", "no address"),
        ("Patient", "gender:missing", "maybe"),
        ("Patient", "birthdate", "yesterday"),
        ("Patient", "birthdate", "2020-13-01"),
        ("Patient", "gender", "|"),
        ("Patient", "identifier:of-type", "MR|1"),
        ("Patient", "_count", "-1"),
        ("Patient", "_count", "many"),
        ("Patient", "_sort", "nonsense"),
        ("Observation", "_sort", "code-value-quantity"),
        ("Patient", "_total", "some"),
        ("Patient", "_include", "Patient:nonsense"),
        ("Patient", "_include", "Nonsense:subject"),
        ("Patient", "_include:above", "Patient:link"),
        ("Patient", "_has:Observation:nonsense:code", "1"),
        ("Patient", "_has:Observation", "1"),
        ("Patient", "name.family", "x"),
        ("QuestionnaireResponse", "questionnaire.title", "x"),
        ("Questionnaire", "_has:QuestionnaireResponse:questionnaire:status", "completed"),
        ("Patient", "near", "1"),
        ("Observation", "patient:Group", "1"),
        ("Observation", "subject", "Nonsense/1"),
        ("Observation", "patient", "Group/1"),
        ("Observation", "subject:Organization.name", "1"),
        ("Observation", "value-quantity", "1|2"),
        ("Observation", "value-quantity", "1e999999999"),
        ("Observation", "code-value-quantity", "1"),
        ("RiskAssessment", "probability", "NaN"),
    ],
)
async def test_malformed_parameters_are_named(
    find: Find, type_name: str, name: str, value: str
) -> None:
    with pytest.raises(Problem) as caught:
        await find(type_name, (name, value))
    assert caught.value.status == 400
    [issue] = caught.value.issues
    assert issue.expression
    assert issue.expression.split(":")[0].split("=")[0] in f"{name}.{value}.family"
