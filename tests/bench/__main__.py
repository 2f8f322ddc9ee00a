"""`make bench`: what the running exchange does on this machine, as JSON lines.

A fresh embedded database, the Synthea records of the shared test data, a real server and requests
over loopback; the floor is PostgreSQL's own pgbench in the same run. Bounded, and stops by itself.
`--growth 1000,5000,20000` measures how patient-centred requests grow with the district, and takes long.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import uvloop
import volume
from crud import crud
from district import Figures, district_wide, medians, note, table
from export import export
from reads import reads
from results import say
from search_mix import patient_centred, searches, values
from stand import Server, Stand, serving, stand_in
from tokens import Tokens, tokens

from hie.fhir.definitions import type_number

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
PERSONS = "SELECT DISTINCT person FROM mpi.registration ORDER BY 1 LIMIT 100"
OWNER = "SELECT number FROM store.institution WHERE number <> 0"
PATIENTS = "SELECT id FROM store.resource WHERE type = %s AND institution <> 0 LIMIT 500"


async def _held(stand: Stand) -> Tokens:
    [(institution,)] = stand.rows(OWNER)
    persons = [str(person) for (person,) in stand.rows(PERSONS)]
    return await tokens(stand.conninfo, int(str(institution)), persons)


async def _measure(stand: Stand, server: Server, floors: dict[int, float]) -> None:
    held = await _held(stand)
    await reads(stand, server, held, floors)
    found = await values(stand)
    await patient_centred(server, held.operator, found, len(set(found["patient"])))
    await searches(server, held.operator, found)
    await export(server, held.operator)
    patients = [str(one) for (one,) in stand.rows(PATIENTS, type_number("Patient"))]
    await crud(server.port, held.institution, patients)
    server.memory("after all")


async def _grown(
    stand: Stand, server: Server, residents: int, mix: Figures, district: Figures
) -> None:
    held = await _held(stand)
    found = await values(stand)
    await patient_centred(server, held.operator, found, residents)
    note(mix, residents, medians(await searches(server, held.operator, found)))
    note(district, residents, await district_wide(server, held.operator, found, residents))
    server.memory(f"{residents} residents")


def growth(home: Path, sizes: list[int], workers: int) -> None:
    """The same questions at each size of the district."""
    mix: Figures = {}
    district: Figures = {}
    with stand_in(home) as stand:
        before = 0
        for residents in sizes:
            folder = home / f"volume-{residents}"
            volume.write(folder, residents, before)
            stand.load(folder, f"residents {before} to {residents}, a year each")
            shutil.rmtree(folder)
            before = residents
            stand.disk()
            with serving(stand, workers) as server:
                uvloop.run(_grown(stand, server, residents, mix, district))
    table("growth: search of the mix, p50 with 8 clients", mix)
    table("growth: search of the district, processor time", district)


def plain(home: Path, workers: int) -> None:
    """Everything on the Synthea records."""
    if not SYNTHEA.is_dir():
        raise SystemExit(f"make bench needs the shared test data in {SYNTHEA}")
    with stand_in(home) as stand:
        stand.load(SYNTHEA, "Synthea transaction Bundles")
        stand.disk()
        floors = {clients: stand.floor(clients) for clients in (8, 64)}
        with serving(stand, workers) as server:
            server.memory("at start")
            uvloop.run(_measure(stand, server, floors))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--growth", help="numbers of residents, such as 1000,5000,20000")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    chosen = parser.parse_args()
    # Whoever ends the run, the database and its directory go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="hie-bench-"))
    say("server", workers=chosen.workers)
    try:
        if chosen.growth:
            growth(home, [int(size) for size in chosen.growth.split(",")], chosen.workers)
        else:
            plain(home, chosen.workers)
    finally:
        shutil.rmtree(home)


main()
