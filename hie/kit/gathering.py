"""What many ask at the same moment, carried out at once for all of them (group commit).

While one group is under way, further askers gather for the next, without any timer: a lone asker
waits for nobody. https://www.postgresql.org/docs/current/wal-async-commit.html says what a commit costs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asker = TypeVar("Asker")
Answer = TypeVar("Answer")


class Gathering(Generic[Asker, Answer]):
    """Gives `work` what has gathered, `most` askers at a time, in as many groups at once as `lanes`.

    `work` returns an answer for each asker, in their order; an exception among the answers is
    raised to its asker, and one that `work` raises to all of the group.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asker]], Awaitable[Sequence[Answer | Exception]]],
        *,
        lanes: int,
        most: int,
    ) -> None:
        self._work = work
        self._lanes = lanes
        self._most = most
        self._waiting: list[tuple[Asker, asyncio.Future[Answer]]] = []
        self._sending = 0
        self._senders: set[asyncio.Task[None]] = set()

    def ask(self, asker: Asker) -> asyncio.Future[Answer]:
        """The asker's answer. Whoever stops waiting for it does not stop the work."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asker, done))
        if self._sending < self._lanes:
            self._sending += 1
            sender = asyncio.create_task(self._send(), name="gathered")
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return done

    async def close(self) -> None:
        """Wait until everybody who asked has an answer."""
        while self._senders:
            await asyncio.wait(self._senders)

    async def _send(self) -> None:
        group: list[tuple[Asker, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(group)
        finally:
            # Here and not when the task is seen to have ended: who asks in between must find a lane.
            self._sending -= 1
            # Only a cancelled sender leaves anybody of its group waiting.
            for _, done in group:
                _raise_to(done, RuntimeError("the work was stopped"))

    async def _answer(self, group: Sequence[tuple[Asker, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([asker for asker, _ in group])
        except Exception as error:
            for _, done in group:
                _raise_to(done, error)
            return
        for (_, done), answer in zip(group, answers, strict=True):
            if isinstance(answer, Exception):
                _raise_to(done, answer)
            elif not done.done():  # the request was given up meanwhile
                done.set_result(answer)


def _raise_to(done: asyncio.Future[Answer], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
