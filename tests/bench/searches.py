"""`make bench-search`: forty kinds of search on the Synthea records, as JSON lines.

Each runs many times with values drawn at random from the store, in one process and without HTTP: what is
measured is parsing, the statements and PostgreSQL. `--database` takes a database that is loaded already.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from string import Formatter

from hie.fhir.definitions import type_number
from hie.kit import migrations, postgres
from hie.search.execute import execute
from hie.search.parse import Compartment, parse
from hie.search.restriction import EVERYTHING
from hie.store.open import Store, open_store

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
HIE = Path(sys.executable).with_name("hie")
TIMES = 60
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"

SHAPES = (
    "Patient?_id={patient}",
    "Patient?identifier={patient}",
    "Patient?family={family}",
    "Patient?name:contains={part}",
    "Patient?birthdate=ge{year}&gender=female",
    "Patient?_sort=family&_count=20",
    "Patient?_sort=gender,-birthdate&_count=20",
    "Patient?address-city={city}",
    "Patient?_has:Observation:patient:code={code}",
    "Patient?_has:Condition:patient:code:text={word}",
    "Patient?_id={patient}&_revinclude=Observation:patient",
    "Patient?_id={patient}&_revinclude=*",
    "Observation?patient={patient}",
    "Observation?patient={patient}&code=" + LOINC + "|{code}&_sort=-date",
    "Observation?patient={patient}&category=vital-signs&date=ge{year}",
    "Observation?patient={patient}&_content={word}",
    "Observation?patient={patient}&_filter=code eq {code} or category eq laboratory",
    "Observation?code=" + LOINC + "|{code}&date={year}",
    "Observation?code={code}&_sort=-date",
    "Observation?code={code}&value-quantity=gt{value}",
    "Observation?code={code}&value-quantity=gt{value}|" + UCUM + "|{unit}",
    "Observation?code-value-quantity={code}$gt{value}",
    "Observation?component-code-value-quantity=8480-6$gt140",
    "Observation?date=ge{year}&status=final",
    "Observation?code={code}&patient.gender=female",
    "Observation?encounter.type:text={word}&code={code}",
    "Observation?patient.family={family}",
    "Observation?code:not={code}&patient={patient}",
    "Observation?value-quantity:missing=true&patient={patient}",
    "Observation?_id={observation}&_include=*",
    "Observation?_lastUpdated=gt{today}&_count=20",
    "Observation?code={code}&_total=accurate",
    "Observation?_count=0",
    "Encounter?class=EMER&date={year}",
    "Encounter?patient={patient}&_include=Encounter:service-provider",
    "Encounter?service-provider.name={organization}",
    "Encounter?type:text={word}",
    "Condition?clinical-status=active&onset-date=lt{year}&_count=100",
    "Condition?code:text={word}",
    "Condition?patient={patient}&clinical-status=active",
    "MedicationRequest?patient={patient}&status=active",
    "DiagnosticReport?patient={patient}&_include=DiagnosticReport:result",
    "Organization?address-city={city}&_sort=name",
    "Patient/{patient}/*?_count=100",
    "Patient/{patient}/Observation?code={code}",
    "*?_type=Observation,Condition&_lastUpdated=gt{today}&_count=20",
)


async def values(store: Store) -> dict[str, list[str]]:
    """Of each kind of value some that are in the store."""
    async with store.database.connection() as connection:

        async def texts(statement: str, *given: object) -> list[str]:
            cursor = await connection.execute(statement, given)
            return [str(row[0]) for row in await cursor.fetchall()]

        ids = "SELECT id FROM store.resource WHERE type = %s AND institution > 0 ORDER BY md5(id) LIMIT 200"
        names = "SELECT value FROM search.string WHERE parameter = %s ORDER BY md5(value) LIMIT 200"
        family, city, organization = (
            parameter_number(*each)
            for each in (
                ("Patient", "family"),
                ("Patient", "address-city"),
                ("Organization", "name"),
            )
        )
        families = await texts(names, family)
        return {
            "patient": await texts(ids, type_number("Patient")),
            "observation": await texts(ids, type_number("Observation")),
            "family": families,
            "part": [each[1:4] for each in families],
            "city": await texts(names, city),
            "organization": [each[:6] for each in await texts(names, organization)],
            "code": ["8302-2", "29463-7", "39156-5", "2339-0", "4548-4", "2085-9"],
            "word": ["encounter", "general", "sinusitis", "bronchitis", "pain", "screening"],
            "year": [str(year) for year in range(1990, 2019)],
            "value": [str(number) for number in (5, 20, 60, 100, 150)],
            "unit": ["kg", "cm", "mg/dL", "g/dL"],
            "today": ["2020-01-01"],
        }


def parameter_number(type_name: str, code: str) -> int:
    """The number under which the index keeps a parameter."""
    from hie.search.parameters import kept

    return kept(type_name)[code][0].number


async def measure(store: Store, shape: str, known: dict[str, list[str]]) -> None:
    address, _, text = shape.partition("?")
    times = []
    matches = 0
    for number in range(TIMES + 5):
        drawn = {name: random.choice(choices) for name, choices in known.items() if choices}
        pairs = []
        for pair in filter(None, text.split("&")):
            name, _, value = pair.partition("=")
            pairs.append((name, value.format(**drawn)))
        parts = address.format(**drawn).split("/")
        compartment = Compartment(parts[0], parts[1]) if len(parts) == 3 else None
        started = time.perf_counter()
        query = parse(parts[-1], pairs, compartment=compartment)
        async with store.database.connection() as connection:
            page = await execute(connection, store, query, EVERYTHING)
        spent = time.perf_counter() - started
        if number >= 5:  # plans and pages are warm
            times.append(spent)
            matches += len(page.matches) + len(page.included)
    cut = quantiles(times, n=100)
    line = {
        "search": shape,
        "p50_ms": round(median(times) * 1000, 2),
        "p99_ms": round(cut[98] * 1000, 2),
        "resources": round(matches / TIMES, 1),
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


async def main(conninfo: str, only: str) -> None:
    random.seed(7)
    async with open_store(conninfo, size=2) as store:
        known = await values(store)
        for shape in SHAPES:
            drawn = {name for _, name, _, _ in Formatter().parse(shape) if name}
            # a district without organizations or cities has no values to ask for
            if only in shape and all(known[name] for name in drawn):
                await measure(store, shape, known)


@contextmanager
def loaded() -> Iterator[str]:
    """A database on an embedded server of its own with the Synthea records, gone at the end."""
    directory = Path(tempfile.mkdtemp(prefix="hie-bench-"))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # the server's own account must reach its data directory
    data = directory / "data"
    data.mkdir(mode=0o700)
    try:
        conninfo = postgres.embedded(data)
        migrations.upgrade(conninfo)
        environment = {**os.environ, "HIE_DATABASE_URL": conninfo}
        subprocess.run([HIE, "load", SYNTHEA], env=environment, check=True, capture_output=True)
        yield conninfo
    finally:
        postgres.stop(data)
        shutil.rmtree(directory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", help="of a loaded database; else one is made")
    parser.add_argument("--only", default="", help="searches that contain this text")
    options = parser.parse_args()
    if options.database:
        asyncio.run(main(options.database, options.only))
    else:
        with loaded() as address:
            asyncio.run(main(address, options.only))
