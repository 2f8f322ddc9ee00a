"""The processes of `hie load`: each works on a part at a time, so that one large file keeps all busy."""

import asyncio
import gc
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import uvloop

from hie.access.caller import Caller
from hie.records.exchange import Exchange
from hie.records.load import Part, Report, load_part, parts_of
from hie.records.open import open_exchange
from hie.records.sample import samples_of
from hie.settings import Settings
from hie.store.institutions import Institution
from hie.store.learning import learn
from hie.store.open import open_store


class _Process:
    """One loading process: an event loop and an exchange that live as long as it does."""

    loop: asyncio.AbstractEventLoop
    opened: AbstractAsyncContextManager[Exchange]
    exchange: Exchange
    caller: Caller

    @classmethod
    def start(cls, conninfo: str, institution: Institution) -> None:
        # What is loaded already is never garbage, and parsed resources hold no cycles: collecting
        # as often as by default takes a tenth of the time.
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)
        cls.loop = uvloop.new_event_loop()
        cls.caller = Caller.for_institution(institution.number, f"load:{institution.code}")
        # The context is kept: collecting it would close the exchange. The process's end closes it.
        cls.opened = open_exchange(Settings(pool_size=2), conninfo)
        cls.exchange = cls.loop.run_until_complete(cls.opened.__aenter__())

    @classmethod
    def load(cls, part: Part, dictionary: int) -> Report:
        cls.exchange.store.bodies.know(dictionary)
        return cls.loop.run_until_complete(load_part(cls.exchange, cls.caller, part))


@contextmanager
def loading(
    conninfo: str, institution: Institution, processes: int
) -> Iterator[ProcessPoolExecutor]:
    """Processes that load for the institution. Call it before anything starts a thread.

    They are forked, so that nothing needs to be imported again: that would cost each of them as much
    as loading 10,000 resources does.
    """
    with ProcessPoolExecutor(
        processes,
        multiprocessing.get_context("fork"),
        initializer=_Process.start,
        initargs=(conninfo, institution),
    ) as pool:
        pool.submit(int)  # they start when there is something to do, all at once
        yield pool


def reports(
    pool: ProcessPoolExecutor,
    conninfo: str,
    institution: Institution,
    files: list[Path],
    ahead: int,
) -> Iterator[tuple[Part, Report]]:
    """Load the files; each part with what became of it, as they get finished.

    At most `ahead` parts wait or are being loaded. Raises BrokenProcessPool if a process cannot work.
    """
    dictionary = asyncio.run(_learn(conninfo, institution, files))
    running: dict[Future[Report], Part] = {}
    for path in files:
        for part in parts_of(path):
            running[pool.submit(_Process.load, part, dictionary)] = part
            if len(running) >= ahead:
                yield from _finished(running)
    while running:
        yield from _finished(running)


def _finished(running: dict[Future[Report], Part]) -> Iterator[tuple[Part, Report]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


async def _learn(conninfo: str, institution: Institution, files: list[Path]) -> int:
    """The number of the dictionary to compress with, learned from the files if that pays."""
    async with open_store(conninfo, size=1) as store:
        await learn(store.database, store.bodies, samples_of(files, institution))
        return store.bodies.newest
