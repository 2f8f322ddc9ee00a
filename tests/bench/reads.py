"""Reads by id against PostgreSQL's own, and what access rules add to them."""

import random
from collections.abc import Callable, Sequence

from http_client import Request, closed_loop, request
from results import milliseconds, rounds, say
from stand import Stand
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


async def _rates(
    port: int, callers: dict[str, Callable[[], Request]], clients: int
) -> dict[str, list[float]]:
    """Reads a second of each caller, their turns interleaved."""
    found: dict[str, list[float]] = {name: [] for name in callers}
    for _ in range(TURNS):
        for name, draw in callers.items():
            done = await closed_loop(port, draw, clients=clients, seconds=SECONDS)
            assert set(done.statuses) == {200}, done.statuses
            found[name].append(done.per_second)
    return found


async def reads(stand: Stand, port: int, held: Tokens, floors: dict[int, float]) -> None:
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
        done = await closed_loop(port, callers["operator"], clients=clients, seconds=SECONDS)
        rates = await _rates(port, {"operator": callers["operator"]}, clients)
        figures = rounds(rates["operator"])
        ratio = round(figures["median"] / floor, 3)
        say(
            "read",
            clients=clients,
            per_second=figures,
            ratio_to_pgbench=ratio,
            **milliseconds(done.times),
        )
    await _compare(port, callers, "no consents")
    number = 10_000
    stand.run(CONSENTS, number, type_number("Observation"))
    stand.run("ANALYZE access.consent, access.denial")
    await _compare(port, callers, f"{number} consents in force")


async def _compare(port: int, callers: dict[str, Callable[[], Request]], when: str) -> None:
    rates = {name: rounds(r) for name, r in (await _rates(port, callers, 64)).items()}
    base = rates["operator"]["median"]
    say(
        "read by kind of caller",
        when=when,
        clients=64,
        per_second=rates,
        ratio_to_operator={
            name: round(rate["median"] / base, 2)
            for name, rate in rates.items()
            if name != "operator"
        },
    )
