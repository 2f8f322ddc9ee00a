"""kill -9 of the web server and of the database while institutions send transactions over HTTP.

What was answered with 200 is there whole after the restart; what was not answered is there whole or
not at all. https://hl7.org/fhir/R4/http.html#transaction
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from crash_checks import HALVES, count, kill_database

from hie.kit import postgres

WRITERS = 4
OBSERVATIONS = 5
BEFORE_THE_KILL = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("hie"), *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


class Server:
    """`hie serve` in a process group of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.base = environment["HIE_PUBLIC_BASE_URL"]
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("hie"), "serve", "--workers", "2"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.base}/fhir/metadata").is_success:
                    return
            except httpx.TransportError:
                assert self.process.poll() is None, "the server ended while it started"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def transaction(code: str) -> dict[str, object]:
    """A Patient and some Observations that share one tag."""
    tag = {"tag": [{"system": "urn:test:transaction", "code": code}]}
    patient: dict[str, object] = {
        "resourceType": "Patient",
        "meta": tag,
        "name": [{"text": f"测试{code}"}],
    }
    observation: dict[str, object] = {
        "resourceType": "Observation",
        "meta": tag,
        "status": "final",
        "code": {"text": "pulse"},
        "subject": {"reference": f"urn:uuid:{code}"},
    }
    entries = [("Patient", patient, f"urn:uuid:{code}")]
    entries += [("Observation", observation, f"urn:uuid:{code}-{n}") for n in range(OBSERVATIONS)]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": url, "resource": body, "request": {"method": "POST", "url": name}}
            for name, body, url in entries
        ],
    }


class Sending(threading.Thread):
    """Sends transactions one after the other until the server is gone."""

    def __init__(self, server: Server, token: str, number: int, answered: list[str]) -> None:
        super().__init__()
        self.number, self.answered = number, answered
        self.sent: list[str] = []
        self.refused: list[str] = []
        self.client = httpx.Client(
            base_url=server.base, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def run(self) -> None:
        with self.client:
            while True:
                code = f"{self.number:08d}-0000-4000-8000-{len(self.sent):012d}"
                self.sent.append(code)
                try:
                    answer = self.client.post("/fhir/", json=transaction(code))
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.answered.append(code)
                elif answer.status_code < 500:
                    self.refused.append(answer.text)


def found(client: httpx.Client, name: str, code: str) -> int:
    answer = client.get(f"/fhir/{name}?_tag=urn:test:transaction|{code}&_total=accurate")
    assert answer.status_code == 200, answer.text
    total: int = answer.json()["total"]
    return total


def test_what_was_answered_is_there_and_nothing_is_half_there(data: Path) -> None:
    port = str(free_port())
    environment = {
        **os.environ,
        "HIE_DATA_DIRECTORY": str(data),
        "HIE_PORT": port,
        "HIE_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
    }
    server = Server(environment)
    token = command(environment, "token", "--client", "crash-test", "--scope", "system/*.cruds")
    answered: list[str] = []
    senders = [Sending(server, token, number, answered) for number in range(WRITERS)]
    for sender in senders:
        sender.start()
    deadline = time.monotonic() + 60
    while len(answered) < BEFORE_THE_KILL and time.monotonic() < deadline:
        time.sleep(0.01)
    kill_database(data)
    server.kill()
    for sender in senders:
        sender.join()
    assert len(answered) >= BEFORE_THE_KILL
    assert [sender.refused for sender in senders] == [[]] * WRITERS

    server = Server(environment)
    try:
        with httpx.Client(
            base_url=server.base, headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as client:
            for code in answered:
                whole = (found(client, "Patient", code), found(client, "Observation", code))
                assert whole == (1, OBSERVATIONS), code
            unanswered = {code for sender in senders for code in sender.sent} - {*answered}
            assert unanswered, "the server was killed while nobody waited for it"
            for code in unanswered:
                whole = (found(client, "Patient", code), found(client, "Observation", code))
                assert whole in ((0, 0), (1, OBSERVATIONS)), code
    finally:
        server.kill()
    conninfo = postgres.embedded(data)
    assert count(conninfo, HALVES) == 0
    creations = "SELECT count(*) FROM audit.event WHERE action = 'C'"
    assert count(conninfo, creations) >= len(answered)
