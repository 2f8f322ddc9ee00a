"""What is timed of each server: the same requests in turns, so that no server has the quieter machine."""

import itertools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from bundles import Bundle, Values, draw
from crud import body
from http_client import Request, closed_loop
from peer import Peer
from peer_answers import EVERYTHING, NEWEST, asked
from results import milliseconds, rounds, say
from stand import metered

ROUNDS = 3
DRAWN = 300
PATIENCE = 60
LOCATION = re.compile(rb"\r\nlocation: *[^\r\n]*/observation/([^/\r\n]+)", re.IGNORECASE)

Draw = Callable[[], Request]


@dataclass(slots=True)
class Timed:
    """One measure of one server, round by round."""

    turns: list[dict[str, float]] = field(default_factory=list)
    asked: int = 0
    refused: int = 0

    def figures(self) -> dict[str, object]:
        """Medians; of the rate also the least and the greatest."""
        names = ("p50_ms", "p99_ms", "server_us", "postgresql_us")
        told: dict[str, object] = {
            name: round(median(turn[name] for turn in self.turns), 2) for name in names
        }
        rates = rounds([turn["per_second"] for turn in self.turns], 1)
        return {"per_second": rates, **told, "asked": self.asked, "refused": self.refused}


class Work:
    """The requests of one server: drawn by the same chance as those of the others.

    `queries` are what all servers answer alike: nothing else is searched for.
    """

    def __init__(self, peer: Peer, bundles: Sequence[Bundle], queries: Sequence[str]) -> None:
        self._peer = peer
        self._bundles = bundles
        self._queries = queries
        self._turn = itertools.count()
        self._random = Random(0)
        self._created: list[tuple[Values, str]] = []

    def measures(self, turn: int) -> Mapping[str, tuple[int, Draw]]:
        """By name: how many clients ask at once, and what draws their next request.

        Every turn asks for something else: some servers keep the answers to searches for a while.
        """
        random = Random(turn)
        values = [draw(random, self._bundles) for _ in range(DRAWN)]
        by_id = self._over(values, "Observation/{observation}")
        measures: dict[str, tuple[int, Draw]] = {
            "read by id, 8 clients": (8, by_id),
            "read by id": (1, by_id),
        }
        alone = {"a patient's newest of one code": NEWEST, "$everything": EVERYTHING}
        for name, query in alone.items():
            if query in self._queries:
                measures[name] = (1, self._over(values, query))
        if self._peer.own_tokens:
            return measures
        queries = itertools.cycle(query for query in self._queries if query != EVERYTHING)
        mix = [asked(self._peer, query, one) for query, one in zip(queries, values, strict=False)]
        return {
            **measures,
            "mix of searches": (4, _cycle(mix)),
            "create": (8, self._create),
            "update": (8, self._update),
        }

    def _over(self, values: Sequence[Values], query: str) -> Draw:
        return _cycle([asked(self._peer, query, one) for one in values])

    def _body(self, values: Values, logical_id: str | None) -> bytes:
        patient = self._peer.ids[values.places["patient"]]
        return body("Observation", patient, next(self._turn), logical_id)

    def _create(self) -> Request:
        values = draw(self._random, self._bundles)

        def answered(status: int, head: bytes, _: bytes) -> None:
            if (place := LOCATION.search(head)) is not None and status == 201:
                self._created.append((values, place[1].decode()))

        made = self._body(values, None)
        return Request(self._peer.request("POST", "/Observation", made), answered)

    def _update(self) -> Request:
        values, logical_id = self._created[self._random.randrange(len(self._created))]
        made = self._body(values, logical_id)
        return Request(self._peer.request("PUT", f"/Observation/{logical_id}", made))


def _cycle(requests: Sequence[bytes]) -> Draw:
    turning = itertools.cycle([Request(one) for one in requests])
    return lambda: next(turning)


async def warm_up(work: Mapping[str, Work], peers: Sequence[Peer], seconds: float) -> None:
    """Asks for everything untimed until each server, with its PostgreSQL, has had `seconds` of processor.

    That is for each measure: a virtual machine compiles what it has run often enough. What takes too
    long is broken off.
    """
    for peer in peers:
        for clients, drawing in work[peer.name].measures(ROUNDS).values():
            before, started = sum(peer.spent()), time.monotonic()
            while sum(peer.spent()) - before < seconds and time.monotonic() - started < PATIENCE:
                await closed_loop(peer.port, drawing, clients=clients, seconds=1)


async def timed(work: Mapping[str, Work], peers: Sequence[Peer], seconds: float) -> None:
    """Every measure of every server in turn, and then over again; the first server is the measure."""
    found: dict[str, dict[str, Timed]] = {}
    for turn in range(ROUNDS):
        for peer in peers:
            for name, (clients, drawing) in work[peer.name].measures(turn).items():
                running = closed_loop(peer.port, drawing, clients=clients, seconds=seconds)
                done, used = await metered(peer, running)
                one = found.setdefault(name, {}).setdefault(peer.name, Timed())
                one.asked += len(done.times)
                one.refused += sum(n for status, n in done.statuses.items() if status >= 400)
                figures = {"per_second": done.per_second, **used, **milliseconds(done.times)}
                one.turns.append(figures)
    for name, servers in found.items():
        rates = {who: median(t["per_second"] for t in one.turns) for who, one in servers.items()}
        first = rates[peers[0].name]
        say(
            name,
            rounds=ROUNDS,
            servers={who: one.figures() for who, one in servers.items()},
            ratio={who: round(first / rate, 2) for who, rate in rates.items()},
        )
