"""The benchmark's client reads what other servers send, and compares only what can be compared."""

import json

import pytest
from bundles import Place
from http_client import Answer
from hypothesis import given
from hypothesis import strategies as st
from peer import Peer
from peer_answers import EVERYTHING, Found, found

BY_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;part=1\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
)
NO_BODY = b'HTTP/1.1 204 No Content\r\nETag: W/"1"\r\n\r\n'


@pytest.mark.parametrize(
    ("sent", "body"), [(BY_LENGTH, b"hello"), (CHUNKED, b"hello"), (NO_BODY, b"")]
)
@given(data=st.data())
def test_an_answer_is_complete_with_its_last_byte_however_it_is_cut(
    sent: bytes, body: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1))))
    parts = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    answer = Answer()
    assert [answer.take(part) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert answer.body == body


def test_a_peer_is_named_by_address_and_processes() -> None:
    peer = Peer.parse("other=http://127.0.0.1:8081/fhir/,12,34")
    assert (peer.name, peer.port, peer.path) == ("other", 8081, "/fhir")
    assert (peer.server, peer.postgres) == (12, 34)
    assert b"Authorization" not in peer.request("GET", "/Patient")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8081/fhir,12,34",
        "other=http://127.0.0.1:8081/fhir",
        "other=http://127.0.0.1:8081/fhir,12",
        "other=http://127.0.0.1:8081/fhir,one,two",
        "other=http://fhir.example.org/r4,12,34",
        "other=http://192.0.2.1:8081/fhir,12,34",
    ],
)
def test_what_is_not_on_this_machine_is_no_peer(text: str) -> None:
    with pytest.raises(ValueError, match="not NAME="):
        Peer.parse(text)


def _page(*entries: tuple[str, str], more: bool = False) -> bytes:
    links = [{"relation": "next", "url": "http://127.0.0.1/next"}] if more else []
    listed = [{"resource": {"id": name}, "search": {"mode": mode}} for name, mode in entries]
    return json.dumps({"total": 9, "link": links, "entry": listed}).encode()


def test_whole_answers_are_compared_by_resource_and_pages_by_number() -> None:
    here = {"a": Place(0, 1), "b": Place(0, 2)}
    there = {"1": Place(0, 1), "2": Place(0, 2), "3": Place(0, 3)}
    query = "Observation?code=x"
    ours = found(200, _page(("a", "match"), ("b", "include")), query, here)
    assert ours == Found(200, 1, 1, None, frozenset(here.values()))
    assert ours == found(200, _page(("2", "include"), ("1", "match")), query, there)
    assert ours != found(200, _page(("3", "match"), ("2", "include")), query, there)
    page = found(200, _page(("a", "match"), more=True), query, here)
    assert page == found(200, _page(("3", "match"), more=True), query, there)
    assert page != found(200, _page(("3", "match")), query, there)


def test_what_a_server_says_of_the_search_is_no_result_and_its_own_resources_differ() -> None:
    told = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    query = "Patient?name=x"
    assert found(200, json.dumps({"entry": [told]}).encode(), query, {}) == Found(200)
    own = found(200, _page(("9", "match")), query, {"1": Place(0, 1)})
    assert own != found(200, _page(("1", "match")), query, {"1": Place(0, 1)})


def test_a_whole_record_is_compared_by_its_resources() -> None:
    places = {"a": Place(0, 1), "b": Place(0, 2)}
    matches = found(200, _page(("a", "match"), ("b", "match")), EVERYTHING, places)
    assert matches == found(200, _page(("a", "match"), ("b", "include")), EVERYTHING, places)
    assert matches != found(200, _page(("a", "match")), EVERYTHING, places)


def test_a_total_counts_only_where_it_was_asked_for() -> None:
    assert found(200, _page(), "Patient?name=x", {}).total is None
    assert found(200, _page(), "Patient?name=x&_total=accurate", {}).total == 9
    assert found(404, b"", "Patient?name=x", {}) == Found(404)
