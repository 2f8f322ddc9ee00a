"""A duty goes on after a failure and ends when it is stopped."""

import asyncio

import pytest

from hie.kit.duty import Duty


async def test_a_failed_turn_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = 0
    enough = asyncio.Event()

    async def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise ValueError("the first turn")
        enough.set()

    duty = Duty("counting", 0.0, turn)
    duty.start()
    async with asyncio.timeout(20):
        await enough.wait()
    await duty.stop()
    done = turns
    await asyncio.sleep(0)
    assert turns == done
    assert "counting failed; the next turn tries again" in caplog.text
    assert "the first turn" in caplog.text


async def test_one_that_was_never_started_can_be_stopped() -> None:
    async def turn() -> None:
        raise AssertionError("nobody started it")

    await Duty("idle", 0.0, turn).stop()
