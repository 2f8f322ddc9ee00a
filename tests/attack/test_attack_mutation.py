"""The probes notice: with one guard switched off, the probe that stands for it has to fail.

The server runs inside this process, on the same district, so that a guard can be switched off. First each
probe passes there with its guard: what gets through without one (a merge, a consent) stays.
"""

from collections.abc import Iterator

import pytest
from attack_guards import GUARDS, Guard
from attack_inside import inside
from attack_world import World

from hie.access.policy import _restriction
from hie.records.exchange import Exchange


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Restrictions are remembered; what was built with a guard off must not serve with it on."""
    _restriction.cache_clear()
    yield
    _restriction.cache_clear()


async def until_noticed(guard: Guard, here: World) -> None:
    for _ in range(guard.tries):
        await guard.probe(here, **guard.arguments)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
async def test_the_probe_passes_with_its_guard(
    world: World, exchange: Exchange, guard: Guard
) -> None:
    here = inside(world, exchange, **guard.settings)
    try:
        await guard.probe(here, **guard.arguments)
    finally:
        await here.close()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
async def test_a_probe_notices_that_its_guard_is_off(
    world: World, exchange: Exchange, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, stand_in in guard.off.items():
        monkeypatch.setattr(name, stand_in)
    here = inside(world, exchange, **guard.settings)
    try:
        with pytest.raises((AssertionError, KeyError)):
            await until_noticed(guard, here)
    finally:
        await here.close()
