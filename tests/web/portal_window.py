"""A browser window on the portals, and what tests do in it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import BrowserContext, Page, ViewportSize

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
DESK = ViewportSize(width=1366, height=768)
PHONE = ViewportSize(width=390, height=844)


@dataclass(frozen=True, slots=True)
class Running:
    """The demo: its address, its database and the passwords by login."""

    base: str
    conninfo: str
    passwords: dict[str, str]


@dataclass(slots=True)
class Portal:
    """A browser window of one person. `complaints` are console errors, policy violations included."""

    demo: Running
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto(self.demo.base + path)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.demo.base)

    async def sign_in(self, path: str, login: str) -> None:
        """Ask for a page, be sent to the sign-in, come back."""
        await self.open(path)
        assert "/oauth/authorize" in self.page.url
        await self.give_password(login)

    async def give_password(self, login: str) -> None:
        await self.page.fill("input[name=login]", login)
        await self.page.fill("input[name=password]", self.demo.passwords[login])
        await self.page.click("button[type=submit]")
        await self.page.wait_for_load_state()

    async def open_record(self, words: str, *, note: str = "门诊复诊，核对既往检验") -> None:
        """As a clinician: find somebody, state a reason."""
        await self.find(words)
        await self.page.click(".people a")
        await self.page.check("input[value=TREAT]")
        await self.page.fill("#note", note)
        await self.page.click("form.reason button")
        await self.page.wait_for_load_state()

    async def find(self, words: str, birth: str = "") -> None:
        await self.open("/clinician")
        await self.page.fill("#words", words)
        await self.page.fill("#birth", birth)
        await self.page.click("form.find button")
        await self.page.wait_for_load_state()

    async def text(self) -> str:
        return await self.page.inner_text("body")

    async def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


Window = Callable[..., AbstractAsyncContextManager[Portal]]
