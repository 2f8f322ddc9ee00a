"""No patch, however odd, does anything but change a resource or be refused. https://hl7.org/fhir/R4/http.html#patch"""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.errors import Problem
from hie.fhir.patch import FHIRPATH_PATCH, JSON_PATCH, META_ADD, META_DELETE, patched

BODY = (
    b'{"resourceType":"Patient","id":"p1","meta":{"tag":[{"code":"a"}],"profile":["urn:p"]},'
    b'"active":true,"name":[{"given":["a",null],"_given":[null,{"id":"x"}],"text":"\\u5f20"}],'
    b'"birthDate":"2000-01-01","_birthDate":{"extension":[{"url":"u","valueDecimal":1.10}]},'
    b'"multipleBirthInteger":3,"contact":[{"gender":"male","name":{"family":"b"}}],'
    b'"contained":[{"resourceType":"Organization","id":"o","name":"c"}]}'
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
pointers = st.sampled_from(
    (
        *("", "/", "/id", "/name", "/name/0", "/name/-", "/name/9", "/name/0/given/1", "/active"),
        *(
            "/_birthDate/extension/0/valueDecimal",
            "/meta/tag/0",
            "/contained/0",
            "/a~2b",
            "x",
            "/-",
        ),
    )
)
json_patches = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "?"))
            | leaves,
            "path": pointers | leaves,
            "from": pointers | leaves,
            "value": values,
        },
    )
    | values,
    max_size=4,
)
paths = st.sampled_from(
    (
        *("Patient", "Patient.name", "Patient.name[0]", "Patient.name.given", "Patient.active", ""),
        *(
            "Patient.name.where(text='张')",
            "Patient.birthDate.extension('u').value",
            "Patient.nothing",
        ),
        *("Patient.contact.name", "Patient.multipleBirth", "Patient.contained.name", "Patient.id"),
        *(
            "Patient.name.given.first()",
            "Patient.name[0].given[1]",
            "Patient.meta.tag",
            "1 + 1",
            "'x'",
        ),
    )
)
names = st.sampled_from(
    ("name", "given", "birthDate", "deceased", "gender", "contact", "extension", "x")
)
parts = st.one_of(
    st.fixed_dictionaries({"name": st.just("path"), "valueString": paths}),
    st.fixed_dictionaries(
        {
            "name": st.just("type"),
            "valueCode": st.sampled_from(("add", "insert", "delete", "replace", "move", "?")),
        }
    ),
    st.fixed_dictionaries({"name": st.just("name"), "valueString": names}),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(("index", "source", "destination")),
            "valueInteger": st.integers(-2, 4),
        }
    ),
    st.fixed_dictionaries({"name": st.just("value"), "valueString": st.text(max_size=5)}),
    st.fixed_dictionaries({"name": st.just("value"), "valueHumanName": values}),
    st.fixed_dictionaries(
        {
            "name": st.just("value"),
            "part": st.lists(
                st.fixed_dictionaries({"name": names | leaves, "valueCode": leaves}) | values,
                max_size=3,
            ),
        }
    ),
    values,
)
fhirpath_patches = st.fixed_dictionaries(
    {
        "resourceType": st.just("Parameters"),
        "parameter": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("operation"), "part": st.lists(parts, max_size=6)}
            )
            | values,
            max_size=3,
        )
        | values,
    }
)
metas = st.fixed_dictionaries(
    {
        "resourceType": st.just("Parameters"),
        "parameter": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.just("meta"),
                    "valueMeta": st.dictionaries(
                        st.sampled_from(("tag", "profile", "security")), values, max_size=3
                    )
                    | values,
                }
            )
            | values,
            max_size=2,
        ),
    }
)


def carried_out_or_refused(patch: Any, media_type: str) -> None:
    with suppress(Problem):
        after = patched(BODY, json.dumps(patch).encode(), media_type)
        assert isinstance(json.loads(after), dict)
        if json.loads(after).get("_birthDate") == json.loads(BODY)["_birthDate"]:
            assert b'"valueDecimal":1.10' in after


@given(json_patches | values)
def test_json_patch(patch: Any) -> None:
    carried_out_or_refused(patch, JSON_PATCH)


@given(fhirpath_patches | values)
def test_fhirpath_patch(patch: Any) -> None:
    carried_out_or_refused(patch, FHIRPATH_PATCH)


@given(metas | values)
def test_meta(patch: Any) -> None:
    for operation in (META_ADD, META_DELETE):
        carried_out_or_refused(patch, operation)


def test_copies_cannot_fill_the_memory() -> None:
    doubled = [{"op": "copy", "from": "/contact", "path": "/contact/-"}] * 60
    with pytest.raises(Problem) as refused:
        patched(BODY, json.dumps(doubled).encode(), JSON_PATCH)
    assert refused.value.issues[0].code == "too-costly"


def test_long_paths_are_refused_before_they_are_read() -> None:
    operation = {
        "name": "operation",
        "part": [
            {"name": "type", "valueCode": "delete"},
            {"name": "path", "valueString": "Patient" + ".name" * 90},
        ],
    }
    sent = {"resourceType": "Parameters", "parameter": [operation] * 30}
    with pytest.raises(Problem) as refused:
        patched(BODY, json.dumps(sent).encode(), FHIRPATH_PATCH)
    assert refused.value.issues[0].code == "too-costly"


@given(st.binary(max_size=50))
def test_bytes(patch: bytes) -> None:
    for media_type in (JSON_PATCH, FHIRPATH_PATCH, META_ADD, META_DELETE):
        with suppress(Problem):
            patched(BODY, patch, media_type)
