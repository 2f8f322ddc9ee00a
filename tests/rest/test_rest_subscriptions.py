"""Subscriptions to link changes, ITI-94: who is told what, signed; retries, and where none may go.

https://profiles.ihe.net/ITI/PMIR/ITI-94.html
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from tests_rest_samples import patient

from hie.fhir.validation import validate
from hie.kit.egress import allowed
from hie.mpi.people import person_of
from hie.subscriptions import deliver
from hie.subscriptions.notifier import look

STEWARD: dict[str, Any] = {
    "institution": "A",
    "scopes": "user/Patient.rus",
    "account": "gao.jie",
    "fhir_user": "Practitioner/gao-jie",
    "roles": ("steward",),
}


@dataclass(slots=True)
class Receiver:
    """A subscriber's server; `status` is what it answers."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def messages(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/feed"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_to_loopback(exchange):
    """The same exchange, whose operator allows notifications to this machine."""
    settings = exchange.settings.model_copy(update={"notification_hosts": "127.0.0.1"})
    return replace(exchange, settings=settings)


def subscription(endpoint: str, criteria: str = "Patient", **channel: Any) -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Subscription",
            "status": "requested",
            "reason": "keep our index current",
            "contact": [{"system": "phone", "value": "19900000000"}],
            "criteria": criteria,
            "channel": {
                "type": "message",
                "endpoint": endpoint,
                "payload": "application/fhir+json",
                "header": ["Authorization: Bearer for-the-hospital", "Host: evil.example"],
                **channel,
            },
        }
    )


async def subscribe(client, institution: str, content: bytes) -> tuple[Any, str]:
    sender = await client("institution", institution=institution)
    answer = await sender.post("/Subscription", content=content)
    assert answer.status_code == 201, answer.text
    return sender, answer.json()["id"]


async def register(client, exchange, institution: str, id_: str, name: str) -> str:
    sender = await client("institution", institution=institution)
    sent = patient(id_, name, institution=institution, number=id_)
    assert (await sender.put(f"/Patient/{id_}", content=sent)).status_code == 201
    async with exchange.store.database.connection() as connection:
        return (await person_of(connection, [id_]))[id_]


def told(message: dict[str, Any]) -> dict[str, tuple[bool, list[tuple[str, str]]]]:
    """Of each person in the message whether it is active, and its links."""
    entries = message["entry"][1]["resource"]["entry"]
    return {
        e["resource"]["id"]: (
            e["resource"]["active"],
            [(x["type"], x["other"]["reference"]) for x in e["resource"].get("link", [])],
        )
        for e in entries
    }


async def test_an_institution_is_told_of_its_own_links_and_nobody_elses(
    client, exchange, open_to_loopback, receiver
) -> None:
    sender, id_ = await subscribe(client, "A", subscription(receiver.url))
    await look(open_to_loopback)
    assert (await sender.get(f"/Subscription/{id_}")).json()["status"] == "active"
    a = await register(client, exchange, "A", "a", "张伟")
    b = await register(client, exchange, "B", "b", "李静雯")
    await look(open_to_loopback)
    (first,) = receiver.messages()
    assert validate(first) == []
    assert told(first) == {a: (True, [("seealso", "Patient/a")])}
    steward = await client("staff", **STEWARD)
    sent = orjson.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "other", "valueReference": {"reference": f"Patient/{a}"}},
                {"name": "reason", "valueString": "checked"},
            ],
        }
    )
    for act in ("$merge", "$unmerge"):
        answer = await steward.post(f"/Patient/{b}/{act}", content=sent)
        assert answer.status_code == 200, answer.text
        await look(open_to_loopback)
    merged, restored = receiver.messages()[1:]
    assert told(merged) == {
        a: (False, [("replaced-by", f"Patient/{b}")]),
        b: (True, [("seealso", "Patient/a")]),
    }
    assert told(restored) == {a: (True, [("seealso", "Patient/a")]), b: (True, [])}
    for message in receiver.messages():
        assert b'Patient/b"' not in orjson.dumps(message)
        assert "张伟" not in orjson.dumps(message).decode()
    await look(open_to_loopback)
    assert len(receiver.got) == 3


async def test_messages_are_signed_and_carry_the_subscribers_headers(
    client, exchange, app, open_to_loopback, receiver
) -> None:
    await subscribe(client, "A", subscription(receiver.url))
    await look(open_to_loopback)
    await register(client, exchange, "A", "a", "张伟")
    await look(open_to_loopback)
    ((headers, body),) = receiver.got
    assert headers["authorization"] == "Bearer for-the-hospital"
    assert headers["host"] == receiver.url.split("/")[2]
    assert headers["content-type"] == "application/fhir+json"
    anybody = await client()
    keys = KeySet.import_key_set((await anybody.get("http://127.0.0.1:8080/oauth/jwks")).json())
    from base64 import urlsafe_b64encode

    header, _, signature = headers["x-jws-signature"].split(".")
    payload = urlsafe_b64encode(body).rstrip(b"=").decode()
    assert jws.deserialize_compact(f"{header}.{payload}.{signature}", keys, ["RS256"])


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("Patient?identifier=urn:hie:institution:A:patient|a1", ["a1"]),
        ("Patient?identifier=urn:hie:institution:A:patient|", ["a1", "a2"]),
        ("Patient?_id=a2", ["a2"]),
        ("Patient?organization=nobody", []),
    ],
)
async def test_criteria_choose(
    client, exchange, open_to_loopback, receiver, criteria, expected
) -> None:
    await subscribe(client, "A", subscription(receiver.url, criteria))
    await look(open_to_loopback)
    for id_, name in (("a1", "张伟"), ("a2", "李静雯")):
        await register(client, exchange, "A", id_, name)
    await look(open_to_loopback)
    links = [link for m in receiver.messages() for _, found in told(m).values() for link in found]
    assert links == [("seealso", f"Patient/{id_}") for id_ in expected]


async def test_a_hook_without_payload_only_says_look(
    client, exchange, open_to_loopback, receiver
) -> None:
    channel = {"type": "rest-hook", "endpoint": receiver.url}
    content = orjson.loads(subscription(receiver.url)) | {"channel": channel}
    await subscribe(client, "A", orjson.dumps(content))
    await look(open_to_loopback)
    await register(client, exchange, "A", "a", "张伟")
    await look(open_to_loopback)
    assert [body for _, body in receiver.got] == [b""]


async def test_failures_are_tried_again_in_order_and_given_up(
    client, exchange, open_to_loopback, receiver, monkeypatch
) -> None:
    monkeypatch.setattr(deliver, "DELAYS", (0, 0))
    sender, id_ = await subscribe(client, "A", subscription(receiver.url))
    await look(open_to_loopback)
    receiver.status = 503
    await register(client, exchange, "A", "a", "张伟")
    await look(open_to_loopback)
    assert len(receiver.got) == 3
    ended = (await sender.get(f"/Subscription/{id_}")).json()
    assert (ended["status"], ended["error"]) == ("error", "the answer's status is 503")
    receiver.status = 200
    renewed = orjson.dumps({**ended, "status": "requested"})
    assert (await sender.put(f"/Subscription/{id_}", content=renewed)).status_code == 200
    await look(open_to_loopback)
    await register(client, exchange, "A", "a2", "李静雯")
    await look(open_to_loopback)
    assert len(receiver.got) == 4
    assert "error" not in (await sender.get(f"/Subscription/{id_}")).json()


@pytest.mark.parametrize("change", ["off", "deleted"])
async def test_no_more_is_sent_when_it_is_off(
    client, exchange, open_to_loopback, receiver, change
) -> None:
    sender, id_ = await subscribe(client, "A", subscription(receiver.url))
    await look(open_to_loopback)
    if change == "off":
        stands = (await sender.get(f"/Subscription/{id_}")).json()
        off = orjson.dumps({**stands, "status": "off"})
        assert (await sender.put(f"/Subscription/{id_}", content=off)).status_code == 200
    else:
        assert (await sender.delete(f"/Subscription/{id_}")).status_code == 204
    await register(client, exchange, "A", "a", "张伟")
    await look(open_to_loopback)
    assert receiver.got == []


@pytest.mark.parametrize(
    "changes",
    [
        {"criteria": "Observation"},
        {"criteria": "Patient?name=张伟"},
        {"criteria": "Patient?_id:below=x"},
        {"channel": {"type": "email", "endpoint": "mailto:a@example.com"}},
        {"channel": {"type": "message", "endpoint": "https://example.com"}},
        {"channel": {"type": "message", "endpoint": "ftp://example.com",
                     "payload": "application/fhir+json"}},
    ],
)  # fmt: skip
async def test_what_cannot_be_served_ends_in_an_error(client, exchange, changes) -> None:
    content = orjson.loads(subscription("https://example.com")) | changes
    sender, id_ = await subscribe(client, "A", orjson.dumps(content))
    await look(exchange)
    stands = (await sender.get(f"/Subscription/{id_}")).json()
    assert stands["status"] == "error"
    assert stands["error"]


async def test_nothing_goes_to_this_machine_unless_the_operator_says_so(
    client, exchange, receiver, monkeypatch
) -> None:
    monkeypatch.setattr(deliver, "DELAYS", ())
    sender, id_ = await subscribe(client, "A", subscription(receiver.url))
    await look(exchange)
    await register(client, exchange, "A", "a", "张伟")
    await look(exchange)
    assert receiver.got == []
    ended = (await sender.get(f"/Subscription/{id_}")).json()
    assert ended["error"] == "the host's address may not be called"


@pytest.mark.parametrize(
    ("address", "trusted", "untrusted"),
    [
        ("8.8.8.8", True, True),
        ("10.1.2.3", True, False),
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("::ffff:10.0.0.1", True, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("fe80::1%eth0", False, False),
    ],
)
def test_where_calls_may_go(address: str, trusted: bool, untrusted: bool) -> None:
    assert allowed(address, trusted=True) is trusted
    assert allowed(address, trusted=False) is untrusted


async def test_who_may_not_write_may_not_subscribe(client, receiver) -> None:
    reader = await client("institution", institution="A", scopes="system/Subscription.rs")
    resident = await client("resident", scopes="patient/*.rs", patient="somebody")
    for caller in (reader, resident):
        answer = await caller.post("/Subscription", content=subscription(receiver.url))
        assert answer.status_code == 403
    anybody = await client()
    answer = await anybody.post("/Subscription", content=subscription(receiver.url))
    assert answer.status_code == 401
    _, id_ = await subscribe(client, "A", subscription(receiver.url))
    other = await client("institution", institution="B")
    assert (await other.get(f"/Subscription/{id_}")).status_code == 404
