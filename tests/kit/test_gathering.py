"""What gathers while others are served, and what each asker gets."""

import asyncio
from collections.abc import Sequence

import pytest

from hie.kit.gathering import Gathering


class Office:
    """Serves groups when it is told to; -1 is refused, and a group with -2 in it fails whole."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.came: asyncio.Queue[None] = asyncio.Queue()

    async def serve(self, askers: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(askers))
        self.came.put_nowait(None)
        await self.open.wait()
        if -2 in askers:
            raise LookupError
        return [ValueError(str(asker)) if asker == -1 else 10 * asker for asker in askers]


async def test_those_who_come_meanwhile_are_served_together() -> None:
    office = Office()
    gathering = Gathering(office.serve, lanes=2, most=3)
    asked = [gathering.ask(number) for number in range(2)]
    await office.came.get()
    asked += [gathering.ask(number) for number in range(2, 9)]
    await office.came.get()
    asked += [gathering.ask(9)]
    office.open.set()
    assert await asyncio.gather(*asked) == [10 * number for number in range(10)]
    assert office.groups == [[0, 1], [2, 3, 4], [5, 6, 7], [8, 9]]


async def test_each_gets_its_own_refusal() -> None:
    office = Office()
    office.open.set()
    gathering = Gathering(office.serve, lanes=1, most=10)
    found = await asyncio.gather(*map(gathering.ask, (1, -1, 3)), return_exceptions=True)
    assert (found[0], repr(found[1]), found[2]) == (10, "ValueError('-1')", 30)


async def test_a_group_that_fails_fails_for_all_of_it_and_for_nobody_else() -> None:
    office = Office()
    office.open.set()
    gathering = Gathering(office.serve, lanes=1, most=2)
    found = await asyncio.gather(*map(gathering.ask, (1, -2, 3)), return_exceptions=True)
    assert [type(one) for one in found] == [LookupError, LookupError, int]


async def test_who_gives_up_leaves_the_others_their_answers() -> None:
    office = Office()
    gathering = Gathering(office.serve, lanes=1, most=10)
    given_up, other = gathering.ask(1), gathering.ask(2)
    await office.came.get()
    given_up.cancel()
    office.open.set()
    assert await other == 20
    await gathering.close()
    assert office.groups == [[1, 2]]


async def test_nobody_waits_for_ever_when_the_work_is_stopped() -> None:
    office = Office()
    gathering = Gathering(office.serve, lanes=1, most=1)
    first = gathering.ask(1)
    await office.came.get()
    (sender,) = (task for task in asyncio.all_tasks() if task.get_name() == "gathered")
    sender.cancel()
    with pytest.raises(RuntimeError, match="stopped"):
        await first
