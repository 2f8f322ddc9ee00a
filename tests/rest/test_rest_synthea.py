"""Whole synthetic records in and out: counts, and every byte apart from `id`, `meta` and resolved
references. https://hl7.org/fhir/R4/operation-patient-everything.html"""

import gzip
import re
from pathlib import Path

import orjson

from hie.access.caller import Caller
from hie.fhir.bundle import entry_resources
from hie.kit.json import spans
from hie.records.load import load_file
from hie.store.institutions import add_institution

BUNDLES = 6


# A reference to another entry is sent as its fullUrl and stored as type and id.
REFERENCE = re.compile(rb'"(?:urn:uuid:|[A-Z][A-Za-z]+/)[0-9a-f-]{36}"')


def compared(text: bytes) -> list[tuple[str, bytes]]:
    """The members' bytes but for `id`, `meta` and where references point."""
    return [
        (s.key, REFERENCE.sub(b"@", text[s.start : s.end]))
        for s in spans(text)
        if s.key not in ("id", "meta")
    ]


async def test_everything_comes_back_as_sent(client, exchange, shared_data: Path) -> None:
    async with exchange.store.database.connection() as connection:
        owner = await add_institution(connection, "import", "批量导入")
    caller = Caller.for_institution(owner.number, "load")
    reader = await client("institution", institution="import")
    files = sorted((shared_data / "synthea").glob("*.json.gz"), key=lambda p: p.stat().st_size)
    for path in files[:BUNDLES]:
        text = gzip.decompress(path.read_bytes())
        report = await load_file(exchange, caller, path)
        assert report.refused == []
        bundle = orjson.loads(text)
        assert report.stored == len(bundle["entry"])
        again = await load_file(exchange, caller, path)
        assert (again.stored, again.skipped_parts) == (0, 1)
        sent = [body for body in entry_resources(text) if body is not None]
        patients = [
            e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"
        ]
        if not patients:
            continue
        [person] = patients
        name = person["name"][0]["family"]
        born = person["birthDate"]
        found = (await reader.get(f"/Patient?family:exact={name}&birthdate={born}")).json()
        [entry] = found["entry"]
        answer = (await reader.get(f"/Patient/{entry['resource']['id']}/$everything")).content
        back = [body for body in entry_resources(answer) if body is not None]
        assert len(back) == len(sent)
        shared = sum(
            e["resource"]["resourceType"] in ("Organization", "Practitioner")
            for e in bundle["entry"]
        )
        assert orjson.loads(answer)["total"] == len(sent) - shared
        assert sorted(map(compared, back)) == sorted(map(compared, sent))
