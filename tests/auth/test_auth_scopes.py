"""The algebra of scopes: examples of the specification, and laws that hold for all scopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.auth.scopes import (
    LETTERS,
    SPECIAL_SCOPES,
    Scope,
    ScopeSet,
    UnknownScope,
    covers,
    format,  # noqa: A004
    intersect,
    normalise,
    parse,
    permits,
    permitting,
)

QUERIES = st.sets(
    st.tuples(
        st.sampled_from(["category", "code", "_tag"]),
        st.sampled_from(["laboratory", "http://loinc.org|1234-5", "a b&c=d", "é"]),
    ),
    max_size=2,
)
SCOPES = st.builds(
    lambda context, kind, letters, query: Scope(
        context, kind, "".join(c for c in LETTERS if c in letters), tuple(sorted(query))
    ),
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Observation", "Patient", "Condition"]),
    st.sets(st.sampled_from(LETTERS), min_size=1),
    QUERIES,
)
SETS = st.builds(
    lambda scopes, special: ScopeSet(normalise(scopes), frozenset(special)),
    st.lists(SCOPES, max_size=5),
    st.sets(st.sampled_from(sorted(SPECIAL_SCOPES)), max_size=3),
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("patient/*.read", "patient/*.rs"),
        ("patient/Observation.write", "patient/Observation.cud"),
        ("user/*.*", "user/*.cruds"),
        ("patient/Observation.rs patient/*.rs", "patient/*.rs"),
        ("patient/Observation.r patient/Observation.s", "patient/Observation.rs"),
        ("patient/Observation.cruds patient/*.rs", "patient/*.rs patient/Observation.cud"),
        ("openid fhirUser launch/patient", "fhirUser launch/patient openid"),
        (
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/"
            "observation-category|laboratory",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/"
            "observation-category|laboratory",
        ),
        (
            "patient/Observation.rs?category=laboratory patient/Observation.r",
            "patient/Observation.r patient/Observation.s?category=laboratory",
        ),
    ],
)
def test_canonical_spelling(text: str, canonical: str) -> None:
    assert format(parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/Observation",
        "patient/Nonsense.rs",
        "Patient/Observation.rs",
        "patient/Observation.rx",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "launch/practitioner",
        "email",
        'patient/Observation.rs?code="x"',
        "patient/*.Read",
    ],
)
def test_unknown_scopes_are_errors(text: str) -> None:
    with pytest.raises(UnknownScope):
        parse(f"openid {text}")


def test_permits_by_interaction() -> None:
    scopes = parse("patient/Observation.rs?category=laboratory patient/Condition.r").resources
    assert permits(scopes, "Observation", "search-type")
    assert permits(scopes, "Condition", "vread")
    assert not permits(scopes, "Condition", "search-type")
    assert not permits(scopes, "Observation", "update")
    assert not permits(scopes, "Patient", "read")
    (only,) = permitting(scopes, "Observation", "read")
    assert only.query == (("category", "laboratory"),)


def test_intersection_of_conditions_needs_both() -> None:
    met = intersect(
        parse("patient/Observation.rs?category=laboratory"), parse("patient/*.r?_tag=x")
    )
    assert format(met) == "patient/Observation.r?_tag=x&category=laboratory"


@given(SETS)
def test_what_is_written_is_read_back(scopes: ScopeSet) -> None:
    assert parse(format(scopes)) == scopes


@given(SETS, SETS)
def test_intersection_is_commutative(left: ScopeSet, right: ScopeSet) -> None:
    assert intersect(left, right) == intersect(right, left)


@given(SETS)
def test_intersection_is_idempotent(scopes: ScopeSet) -> None:
    assert intersect(scopes, scopes) == scopes


@given(SETS, SETS, SETS)
def test_intersection_is_associative(one: ScopeSet, two: ScopeSet, three: ScopeSet) -> None:
    assert intersect(intersect(one, two), three) == intersect(one, intersect(two, three))


@given(SETS, SETS)
def test_intersection_never_widens(left: ScopeSet, right: ScopeSet) -> None:
    met = intersect(left, right)
    assert covers(left, met)
    assert covers(right, met)


@given(SETS, SETS, SETS)
def test_narrower_in_gives_narrower_out(wide: ScopeSet, other: ScopeSet, third: ScopeSet) -> None:
    narrow = intersect(wide, third)
    assert covers(intersect(wide, other), intersect(narrow, other))


@given(SETS, SETS)
def test_intersection_is_the_greatest_set_below_both(left: ScopeSet, right: ScopeSet) -> None:
    if covers(right, left):
        assert intersect(left, right) == left


@given(SETS, st.sampled_from(["Observation", "Device"]), st.sampled_from(["read", "create"]))
def test_normal_form_permits_the_same(scopes: ScopeSet, kind: str, interaction: str) -> None:
    assert permits(scopes.resources, kind, interaction) == any(
        s.type in ("*", kind) and {"read": "r", "create": "c"}[interaction] in s.permissions
        for s in scopes.resources
    )
