"""A running demo district and a browser for it.

The browser is Debian's Chromium, driven by Playwright. Without one the tests skip, but in CI they fail.
Pictures of what the tests saw go to `tests/screenshots`, which git ignores.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager

import pytest
from chromium import launched
from playwright.async_api import Browser, ViewportSize
from portal_window import DESK, Portal, Running, Window

from hie.demo.credentials import open_credentials

COMMAND = "from hie.cli.main import application; application()"
RESIDENTS = "8"  # the three households whose stories are fixed
LAST_LINE = "Ctrl-C"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def demo(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """`hie demo` with three households, for all tests of the session."""
    directory = tmp_path_factory.mktemp("demo")
    base = f"http://127.0.0.1:{_free_port()}"
    with cloned() as conninfo:
        settings = {
            "HIE_DATABASE_URL": conninfo,
            "HIE_DATA_DIRECTORY": str(directory),
            "HIE_PORT": base.rpartition(":")[2],
            "HIE_PUBLIC_BASE_URL": base,
            "HIE_MLLP_PORT": str(_free_port()),
        }
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, "demo", "--residents", RESIDENTS],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if LAST_LINE in line:
                    break
            else:
                pytest.fail("".join(said))
            yield Running(base, conninfo, open_credentials(directory)[0].passwords)
            process.send_signal(signal.SIGINT)
            process.stdout.read()


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests."""
    async with launched() as browser:
        yield browser


@pytest.fixture
def window(demo: Running, chromium: Browser) -> Window:
    """Opens windows: `async with window(viewport=PHONE, language="en-GB") as portal:`."""

    @asynccontextmanager
    async def opened(
        viewport: ViewportSize = DESK, language: str = "zh-CN"
    ) -> AsyncIterator[Portal]:
        context = await chromium.new_context(viewport=viewport, locale=language)
        try:
            portal = Portal(demo, context, await context.new_page())
            portal.page.on(
                "console",
                lambda message: (
                    portal.complaints.append(message.text) if message.type == "error" else None
                ),
            )
            portal.page.on("pageerror", lambda error: portal.complaints.append(str(error)))
            yield portal
        finally:
            await context.close()

    return opened
