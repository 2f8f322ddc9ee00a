"""Appointing somebody, in a real browser: the code, the other's acceptance, the log, the end."""

import pytest
from playwright.async_api import ViewportSize
from portal_window import DESK, PHONE, Window
from test_web_sharing import wide

CODE = ".invitation-code"


@pytest.mark.parametrize(
    ("name", "viewport", "language"), [("desk", DESK, "zh-CN"), ("phone", PHONE, "en-GB")]
)
async def test_a_proxy_is_appointed_looks_and_is_ended(
    window: Window, name: str, viewport: ViewportSize, language: str
) -> None:
    async with window(viewport, language) as chen, window(viewport, language) as zhou:
        await chen.sign_in("/resident/family", "chen.guoqiang")
        await chen.picture(f"{name}-resident-family")
        assert not await wide(chen)
        await chen.page.fill("#name", "周雨欣")
        await chen.page.click("form.invite button")
        await chen.page.wait_for_load_state()
        code = (await chen.page.inner_text(CODE)).strip()
        await chen.picture(f"{name}-resident-invited")
        assert not await wide(chen)

        await zhou.sign_in("/resident/family", "zhou.yuxin")
        await zhou.page.fill("#code", "ABCD-EFGH-JKLM")
        await zhou.page.click("form.look button")
        await zhou.page.wait_for_load_state()
        assert await zhou.page.locator("[role=alert]").count() == 1
        await zhou.page.fill("#code", code)
        await zhou.page.click("form.look button")
        await zhou.page.wait_for_load_state()
        assert "陈国强" in await zhou.page.inner_text("form.offered")
        await zhou.picture(f"{name}-resident-offered")
        await zhou.page.click("form.offered button")
        await zhou.page.wait_for_load_state()
        await zhou.page.click("li:has-text('陈国强') form[action$=open] button")
        await zhou.page.wait_for_load_state()
        assert "陈国强" in await zhou.page.inner_text(".whose-name")
        await zhou.open("/resident/log")
        assert zhou.page.url.endswith("/log")
        refused = await zhou.text()
        assert "who may see" in refused or "由其本人管理" in refused

        await chen.open("/resident/family")
        await chen.page.click("a[href^='/resident/log?by=']")
        await chen.page.wait_for_load_state()
        assert "周雨欣" in await chen.page.inner_text(".log.card")
        await chen.picture(f"{name}-resident-log-by")
        await chen.open("/resident/family")
        await chen.page.click("form[action$=end] button")
        await chen.page.wait_for_load_state()
        assert await chen.page.locator("form[action$=end]").count() == 0
        await zhou.open("/resident/results")
        assert "糖化血红蛋白" not in await zhou.text()
        assert chen.complaints == []
        assert [one for one in zhou.complaints if "403" not in one and "404" not in one] == []
