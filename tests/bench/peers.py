"""`make bench-peers`: the exchange beside other FHIR servers on this machine, as JSON lines.

    make bench-peers ARGS="hapi=http://127.0.0.1:8081/fhir,4711,4712 …"

names each running server with its base address, the process of the server and the first process of its
PostgreSQL. All are given the same Bundles and asked the same questions by the same client, in turns;
the exchange is started here, with its tokens, audit and consents as always. What servers answer
differently is printed, and the mix of searches is made of what all answer alike.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import orjson
import uvloop
from bundles import Bundle, draw, read
from http_client import Request, each
from peer import Peer
from peer_answers import alike
from peer_rounds import Work, timed, warm_up
from results import rounds, say
from stand import Stand, metered, serving, stand_in
from tokens import own_tokens, tokens

from hie.kit.db import Database
from hie.store.institutions import add_institution

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
COLD = 3
"""Bundles that each server is given before its loading is timed."""
PROBES = 5
PATIENCE = 3600
RESIDENT = "exchange, resident"


async def _empty(peer: Peer) -> None:
    """Raises SystemExit unless the server holds no Patient yet."""

    def answered(status: int, _: bytes, body: bytes) -> None:
        if status != 200 or orjson.loads(body).get("total") != 0:
            raise SystemExit(f"{peer.name} must be empty at the start: {status} {body[:200]!r}")

    asking = peer.request("GET", "/Patient?_summary=count")
    await each(peer.port, [Request(asking, answered)])


async def _load(peer: Peer, bundles: Sequence[Bundle]) -> None:
    """All Bundles one after the other; says how fast the later ones went in."""
    rates, used = [], []
    for number, bundle in enumerate(bundles):
        started = time.perf_counter()
        _, spent = await metered(peer, each(peer.port, [peer.transaction(number, bundle)]))
        rates.append(len(bundle.entries) / (time.perf_counter() - started))
        used.append((spent, len(bundle.entries)))
    entries = sum(number for _, number in used[COLD:])
    per_resource = {
        name: round(sum(spent[name] for spent, _ in used[COLD:]) / entries)
        for name in ("server_us", "postgresql_us")
    }
    say(
        "transaction Bundles, one client",
        server=peer.name,
        bundles=len(bundles) - COLD,
        resources_per_second=rounds(rates[COLD:]),
        per_resource=per_resource,
    )


async def _exchange(stand: Stand, port: int, server: int, postgres: int) -> Peer:
    async with Database(stand.conninfo, size=1) as database, database.transaction() as connection:
        owner = await add_institution(connection, "bench", "bench")
    held = await tokens(stand.conninfo, owner.number, [])
    return Peer("exchange", port, "/fhir", server, postgres, held.institution)


async def _resident(stand: Stand, exchange: Peer, bundles: Sequence[Bundle]) -> Peer:
    """The same server, asked by each patient about the own record."""
    by_bundle = await own_tokens(
        stand.conninfo,
        {place.bundle: one for place, one in exchange.ids.items() if place.entry == 0},
    )
    assert len(by_bundle) == len(bundles), by_bundle
    return Peer(
        RESIDENT,
        exchange.port,
        exchange.path,
        exchange.server,
        exchange.postgres,
        own_tokens=by_bundle,
        ids=exchange.ids,
    )


async def _compare(stand: Stand, exchange: Peer, chosen: argparse.Namespace) -> None:
    bundles = read(SYNTHEA, chosen.patients)
    say("data", patients=len(bundles), resources=sum(len(one.entries) for one in bundles))
    peers: list[Peer] = [exchange, *chosen.peer]
    for peer in peers:
        await _empty(peer)
    for peer in peers:
        await _load(peer, bundles)
    stand.run("VACUUM ANALYZE")
    stand.disk()
    random = Random(1)
    agreed = await alike(peers, [draw(random, bundles) for _ in range(PROBES)])
    peers.append(await _resident(stand, exchange, bundles))
    work = {peer.name: Work(peer, bundles, agreed) for peer in peers}
    await warm_up(work, peers, chosen.warm_up)
    await timed(work, peers, chosen.seconds)
    for peer in peers[:-1]:
        say("memory", server=peer.name, **peer.memory())


async def _run(stand: Stand, chosen: argparse.Namespace) -> None:
    with serving(stand, 1) as server:
        exchange = await _exchange(stand, server.port, server.process.pid, server.postmaster)
        async with asyncio.timeout(PATIENCE):
            await _compare(stand, exchange, chosen)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("peer", nargs="*", type=Peer.parse, help="NAME=BASE,PID,PID")
    parser.add_argument("--patients", type=int, default=15)
    parser.add_argument("--warm-up", type=float, default=10, help="seconds of processor a measure")
    parser.add_argument("--seconds", type=float, default=5, help="of each measure in each turn")
    chosen = parser.parse_args()
    if not SYNTHEA.is_dir():
        raise SystemExit(f"make bench-peers needs the shared test data in {SYNTHEA}")
    # Whoever ends the run, the database and its directory go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="hie-bench-"))
    try:
        with stand_in(home) as stand:
            uvloop.run(_run(stand, chosen))
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
