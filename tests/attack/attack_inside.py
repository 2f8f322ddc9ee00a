"""The district under attack with a server inside the test's process, on the running server's database.

There a guard can be switched off, and a setting can differ from the running server's.
"""

from dataclasses import replace
from typing import Any

import httpx
from attack_world import World

from hie.app import application_on
from hie.records.exchange import Exchange

STRICT = {"staff_second_factor": "required", "staff_apps": "protected"}
"""What is asked of staff unless a setting says otherwise."""


def inside(world: World, exchange: Exchange, **settings: Any) -> World:
    """The same world, with a server in this process and these settings."""
    changed = replace(exchange, settings=exchange.settings.model_copy(update=settings))
    transport = httpx.ASGITransport(application_on(changed), raise_app_exceptions=False)
    return replace(world, transport=transport, process=None, log=None, opened=[])
