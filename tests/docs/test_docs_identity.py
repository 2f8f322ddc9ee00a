"""The examples of `docs/identity.md` are sent as they stand there, and answered as it says."""

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson

from hie.app import application_on
from hie.auth.tokens import mint
from hie.demo.population import check_character
from hie.mpi.people import person_of
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

DOCUMENT = Path(__file__).parents[2] / "docs" / "identity.md"
EXAMPLE = re.compile(r"<!-- as: (\w+); answers: (\d+) -->\n```http\n(.*?)```", re.DOTALL)
CARD = "99010119900307001"
CARD += check_character(CARD)
REVIEW = "SELECT number FROM mpi.review WHERE closed IS NULL ORDER BY number LIMIT 1"


class Example(NamedTuple):
    """A request of the document: who sends it, what it answers, and its text."""

    caller: str
    status: int
    method: str
    url: str
    body: str


def examples() -> list[Example]:
    found = []
    for caller, status, text in EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8")):
        head, _, body = text.partition("\n\n")
        method, url = head.split("\n")[0].split(" ", 1)
        found.append(Example(caller, int(status), method, url, body))
    return found


def patient(id_: str, code: str, name: str, born: str, phone: str, **more: str) -> bytes:
    identifier = [{"system": f"urn:hie:institution:{code}:patient", "value": id_.split("-")[1]}]
    if "card" in more:
        identifier.append({"system": "urn:oid:2.16.156.10011.1.3", "value": more["card"]})
    return orjson.dumps(
        {
            "resourceType": "Patient",
            "id": id_,
            "identifier": identifier,
            "name": [{"text": name, "family": name[:2], "given": [name[2:]]}],
            "gender": "male",
            "birthDate": born,
            "telecom": [{"system": "phone", "value": phone}],
        }
    )


async def test_every_example_is_answered_as_the_document_says(conninfo: str) -> None:
    found = examples()
    assert len(found) > 12
    assert DOCUMENT.read_text(encoding="utf-8").count("```http") == len(found)
    async with open_exchange(Settings(database_url=conninfo), conninfo) as exchange:
        app = application_on(exchange)
        clients: dict[str, httpx.AsyncClient] = {}
        async with exchange.store.database.transaction() as connection:
            for name, code, holder, scopes, role in (
                ("institution", "YX-H1", "institution", "system/*.cruds", None),
                ("station", "YX-S1", "institution", "system/*.cruds", None),
                ("clinician", "YX-H1", "staff", "user/Patient.rs", "clinician"),
                ("steward", "YX-H1", "staff", "user/Patient.rus", "steward"),
            ):
                institution = await add_institution(connection, code, code)
                token = await mint(
                    connection,
                    client_id=name,
                    scopes=scopes,
                    holder=holder,  # type: ignore[arg-type]  # the words above
                    institution=institution.number,
                    account=name if role else None,
                    fhir_user=f"Practitioner/{name}" if role else None,
                    roles=[role] if role else None,
                )
                clients[name] = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app),
                    base_url="http://127.0.0.1:8080",
                    headers={
                        "authorization": f"Bearer {token}",
                        "content-type": "application/fhir+json",
                    },
                )
        for name, body in (
            ("institution", patient("h1-1001", "YX-H1", "欧阳明远", "1990-03-07", "19900000001",
                                    card=CARD)),
            ("station", patient("s1-77", "YX-S1", "欧阳明远", "1990-03-07", "19900000001",
                                card=CARD)),
            ("institution", patient("h1-1002", "YX-H1", "司马青云", "1961-12-24", "19900000009")),
            ("institution", patient("h1-1003", "YX-H1", "王雨欣", "2019-03-04", "19900000123")),
            ("station", patient("s1-78", "YX-S1", "王雨桐", "2019-03-04", "19900000123")),
        ):  # fmt: skip
            path = f"/fhir/Patient/{orjson.loads(body)['id']}"
            assert (await clients[name].put(path, content=body)).status_code == 201
        async with exchange.store.database.connection() as connection:
            people = await person_of(connection, ["h1-1001", "h1-1002"])
            row = await (await connection.execute(REVIEW)).fetchone()
        assert row is not None
        values = {
            "{person}": people["h1-1001"],
            "{other}": people["h1-1002"],
            "{review}": str(row[0]),
        }
        for one in found:
            url, body = one.url, one.body
            for name, value in values.items():
                url, body = url.replace(name, value), body.replace(name, value)
            answer = await clients[one.caller].request(one.method, url, content=body or None)
            assert answer.status_code == one.status, f"{one.method} {url}: {answer.text}"
            if "$match" in url:
                assert answer.json()["entry"][0]["resource"]["id"] == people["h1-1001"]
            elif "Patient?" in url:
                assert len(answer.json()["entry"]) == 1
            elif "$ihe-pix" in url:
                assert people["h1-1001"] in answer.text
                if "YX-S1" in url:
                    assert '"value":"77"' in answer.text
        for client in clients.values():
            await client.aclose()
