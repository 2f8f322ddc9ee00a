"""The way from an address to its endpoint, and what a fault of the server's own looks like."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from hie.rest.dispatch import FhirRoute, Paths


def paths(*known: str) -> Paths:
    def endpoint(path: str):
        async def answer(request: Request) -> Response:
            return Response(path)

        answer.__name__ = path
        return answer

    return Paths({path: endpoint(path) for path in known})


KNOWN = (
    "",
    "/",
    "/metadata",
    "/_history",
    "/{type}",
    "/{type}/_search",
    "/{type}/{id}",
    "/{type}/{id}/_history/{version}",
    "/{compartment}/{id}/{type}",
    "/{compartment}/{id}/*",
    "/Patient/{id}/$everything",
    "/Patient/$match",
)


@pytest.mark.parametrize(
    ("asked", "path", "variables"),
    [
        ("", "", {}),
        ("/", "/", {}),
        ("/metadata", "/metadata", {}),
        ("/Patient", "/{type}", {"type": "Patient"}),
        ("/Patient/_search", "/{type}/_search", {"type": "Patient"}),
        ("/Patient/$match", "/Patient/$match", {}),
        ("/Group/$match", "/{type}/{id}", {"type": "Group", "id": "$match"}),
        ("/Patient/1", "/{type}/{id}", {"type": "Patient", "id": "1"}),
        ("/Patient/1/$everything", "/Patient/{id}/$everything", {"id": "1"}),
        ("/Patient/1/*", "/{compartment}/{id}/*", {"compartment": "Patient", "id": "1"}),
        (
            "/Patient/1/Observation",
            "/{compartment}/{id}/{type}",
            {"compartment": "Patient", "id": "1", "type": "Observation"},
        ),
        (
            "/Patient/1/_history/2",
            "/{type}/{id}/_history/{version}",
            {"type": "Patient", "id": "1", "version": "2"},
        ),
    ],
)
def test_the_most_literal_path_answers(asked: str, path: str, variables: dict[str, str]) -> None:
    found = paths(*KNOWN).find(asked)
    assert found is not None
    assert (found[0].__name__, found[1]) == (path, variables)


@pytest.mark.parametrize(
    "asked", ["/Patient/", "//", "//1", "/Patient//_history/1", "/a/b/c/d/e/f"]
)
def test_nothing_stands_for_an_empty_segment(asked: str) -> None:
    assert paths(*KNOWN).find(asked) is None


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/fhir", True),
        ("/fhir/", True),
        ("/fhir/Patient/1", True),
        ("/fhirs", False),
        ("/fhir/.well-known/smart-configuration", False),
        ("/oauth/token", False),
        ("/", False),
    ],
)
def test_which_addresses_are_fhir(path: str, ours: bool) -> None:
    assert FhirRoute.serves(path) is ours


@pytest.mark.parametrize("path", ["/metadata", "/Patient/1"])
async def test_a_fault_is_an_outcome_and_tells_nothing(app, path: str) -> None:
    app.state.exchange = None
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/fhir") as anybody:
        answer = await anybody.get(path)
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["code"] == "exception"
    assert "NoneType" not in answer.text
