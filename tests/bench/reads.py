"""Reads by id against PostgreSQL's own, and what access rules add to them."""

import random
from collections.abc import Callable, Sequence
from statistics import median

from http_client import Request, closed_loop, request
from results import milliseconds, rounds, say
from stand import Server, Stand, metered
from tokens import Tokens

from hie.fhir.definitions import type_number

OWN = """
SELECT g.person, r.id FROM store.resource r JOIN mpi.registration g USING (patient_key)
WHERE r.type = %s AND g.person = ANY(%s) ORDER BY random() LIMIT 2000
"""
CONSENTS = """
WITH written AS (
    INSERT INTO access.consent (id, person, version, given_by, notice, compiled)
    SELECT 'bench-' || n, 'bench-' || n, 1, 'bench', 'bench', now() FROM generate_series(1, %s) n
    RETURNING id, person
)
INSERT INTO access.denial (consent, person, place, types)
SELECT id, person, 'bench', ARRAY[%s]::smallint[] FROM written
"""
TURNS = 3
SECONDS = 2.0


def _drawn(
    token_of: Callable[[str], str], rows: Sequence[tuple[str, str]]
) -> Callable[[], Request]:
    made = [
        Request(request(token_of(person), "GET", f"/fhir/Observation/{logical_id}"))
        for person, logical_id in rows
    ]
    return lambda: random.choice(made)


Figures = dict[str, list[dict[str, float]]]


async def _turns(
    server: Server, callers: dict[str, Callable[[], Request]], clients: int
) -> Figures:
    """Reads a second of each caller and what one takes, their turns interleaved."""
    found: Figures = {name: [] for name in callers}
    for _ in range(TURNS):
        for name, draw in callers.items():
            running = closed_loop(server.port, draw, clients=clients, seconds=SECONDS)
            done, used = await metered(server, running)
            assert set(done.statuses) == {200}, done.statuses
            found[name].append({"per_second": done.per_second, **used, **milliseconds(done.times)})
    return found


def _middle(turns: list[dict[str, float]], *names: str) -> dict[str, float]:
    return {name: round(median(turn[name] for turn in turns), 2) for name in names}


async def reads(stand: Stand, server: Server, held: Tokens, floors: dict[int, float]) -> None:
    """Operator reads with 8 and 64 clients, then each kind of caller beside them."""
    rows = [
        (str(person), str(logical_id))
        for person, logical_id in stand.rows(OWN, type_number("Observation"), list(held.residents))
    ]
    callers = {
        "operator": _drawn(lambda _: held.operator, rows),
        "resident": _drawn(lambda person: held.residents[person], rows),
        "clinician": _drawn(lambda person: held.clinicians[person], rows),
    }
    for clients, floor in floors.items():
        turns = (await _turns(server, {"operator": callers["operator"]}, clients))["operator"]
        rates = rounds([turn["per_second"] for turn in turns])
        say(
            "read",
            clients=clients,
            per_second=rates,
            ratio_to_pgbench=round(rates["median"] / floor, 3),
            **_middle(turns, "p50_ms", "p99_ms", "server_us", "postgresql_us"),
        )
    await _compare(server, callers, "no consents")
    number = 10_000
    stand.run(CONSENTS, number, type_number("Observation"))
    stand.run("ANALYZE access.consent, access.denial")
    await _compare(server, callers, f"{number} consents in force")


async def _compare(server: Server, callers: dict[str, Callable[[], Request]], when: str) -> None:
    found = await _turns(server, callers, 64)
    rates = {name: rounds([turn["per_second"] for turn in turns]) for name, turns in found.items()}
    used = {name: _middle(turns, "server_us", "postgresql_us") for name, turns in found.items()}
    whole = {name: sum(parts.values()) for name, parts in used.items()}
    others = [name for name in callers if name != "operator"]
    base = rates["operator"]["median"]
    say(
        "read by kind of caller",
        when=when,
        clients=64,
        per_second=rates,
        processor=used,
        ratio_to_operator={name: round(rates[name]["median"] / base, 2) for name in others},
        ratio_by_processor={name: round(whole["operator"] / whole[name], 2) for name in others},
    )
