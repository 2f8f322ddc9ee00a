"""A text that is wrong at any one byte is refused with its place, and never makes the server fail.

A transfer that broke off, a byte that was lost, a file in another encoding: whichever reader comes
upon it first must be the one that says so. https://hl7.org/fhir/R4/http.html#ops
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import httpx
import orjson
import pytest

Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATIENT = b'{"resourceType":"Patient","id":"p1","active":true,"name":[{"text":"\xe5\xbc\xa0"}]}'
NOT_UTF_8 = b"\xff"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request whose body is right as it stands."""

    method: str
    path: str
    media_type: str
    body: bytes


WHOLE = {
    "create": Sent("POST", "/Patient", "application/fhir+json", PATIENT),
    "update": Sent("PUT", "/Patient/p1", "application/fhir+json", PATIENT),
    "transaction": Sent(
        "POST",
        "",
        "application/fhir+json",
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":'
        + PATIENT
        + b',"request":{"method":"PUT","url":"Patient/p1","ifMatch":"W/\\"1\\""}}]}',
    ),
    "batch": Sent(
        "POST",
        "",
        "application/fhir+json",
        b'{"resourceType":"Bundle","type":"batch","entry":[{"request":'
        b'{"method":"GET","url":"Patient?name=x"}},{"request":{"method":"DELETE","url":"Patient/p9"}}]}',
    ),
    "JSON Patch": Sent(
        "PATCH",
        "/Patient/p1",
        "application/json-patch+json",
        b'[{"op":"replace","path":"/name/0/text","value":"x"}]',
    ),
    "FHIRPath Patch": Sent(
        "PATCH",
        "/Patient/p1",
        "application/fhir+json",
        b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":['
        b'{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.active"},'
        b'{"name":"value","valueBoolean":false}]}]}',
    ),
    "XML Patch": Sent(
        "PATCH",
        "/Patient/p1",
        "application/xml-patch+xml",
        b'<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:active/@value">false</replace></diff>',
    ),
    "XML": Sent(
        "PUT",
        "/Patient/p1",
        "application/fhir+xml",
        b'<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><active value="true"/></Patient>',
    ),
    "GraphQL": Sent(
        "POST",
        "/Patient/p1/$graphql",
        "application/json",
        b'{"query":"query Q($a: Boolean!) { id name { text @include(if: $a) } }","variables":{"a":true}}',
    ),
    "GraphQL alone": Sent(
        "POST", "/Patient/p1/$graphql", "application/graphql", b"{ id name { text family } }"
    ),
    "$validate": Sent(
        "POST",
        "/Patient/$validate",
        "application/fhir+json",
        b'{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},'
        b'{"name":"resource","resource":' + PATIENT + b"}]}",
    ),
    "$meta-add": Sent(
        "POST",
        "/Patient/p1/$meta-add",
        "application/fhir+json",
        b'{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}',
    ),
    "search": Sent(
        "POST",
        "/Patient/_search",
        "application/x-www-form-urlencoded",
        b"name=%E5%BC%A0&birthdate=ge2000-01-01&_sort=-_lastUpdated&_filter=name+co+%22a%22",
    ),
}


def broken(body: bytes) -> Iterator[bytes]:
    """The body cut off after each of its bytes, without it, and with it replaced."""
    for place in range(len(body)):
        before, after = body[:place], body[place + 1 :]
        yield before
        yield before + after
        yield before + NOT_UTF_8 + after
        yield before + b'"' + after


@pytest.mark.parametrize("name", WHOLE)
async def test_no_broken_text_makes_the_server_fail(client: Client, name: str) -> None:
    caller = await client("operator", scopes="system/*.cruds")
    sent = WHOLE[name]
    await caller.put("/Patient/p1", content=PATIENT)
    whole = await _send(caller, sent, sent.body)
    assert whole.status_code < 300, whole.text
    refused = 0
    for body in broken(sent.body):
        answer = await _send(caller, sent, body)
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            refused += 1
            said = orjson.loads(answer.content)
            assert said.get("resourceType") == "OperationOutcome" or said["errors"], body
        if NOT_UTF_8 in body:
            assert answer.status_code == 400, (body, answer.text)
            assert "UTF-8" in answer.text, (body, answer.text)
    assert refused > len(sent.body)


async def _send(caller: httpx.AsyncClient, sent: Sent, body: bytes) -> httpx.Response:
    headers = {"content-type": sent.media_type, "accept": "application/fhir+json"}
    return await caller.request(sent.method, sent.path, content=body, headers=headers)
