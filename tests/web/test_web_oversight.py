"""Reviewers and auditors in a real browser: what was done in an emergency, the verdict, the trail, the why."""

from pathlib import Path

import pytest
from playwright.async_api import ViewportSize
from portal_window import DESK, PHONE, Portal, Window
from test_web_sharing import wide

ACCESSIBLE = (Path(__file__).parent / "accessible.js").read_text(encoding="utf-8")


async def looked_at(portal: Portal, name: str) -> None:
    """Keep a picture, and see that nobody is kept out."""
    await portal.picture(name)
    assert not await wide(portal)
    assert await portal.page.evaluate(ACCESSIBLE) == []
    assert portal.complaints == []


async def emergency(portal: Portal, person: str, note: str) -> None:
    """As a clinician: open a record in an emergency and look at the results."""
    await portal.find(person)
    await portal.page.click(".people a")
    await portal.page.check("input[value=ETREAT]")
    await portal.page.fill("#note", note)
    await portal.page.click("form.reason button")
    await portal.page.wait_for_load_state()
    await portal.open(f"{portal.path.partition('?')[0]}/results")


@pytest.mark.parametrize(
    ("name", "viewport", "language", "verdict"),
    [("desk", DESK, "zh-CN", "justified"), ("phone", PHONE, "en-GB", "unjustified")],
)
async def test_an_emergency_is_reviewed_and_the_resident_reads_the_verdict(
    window: Window, name: str, viewport: ViewportSize, language: str, verdict: str
) -> None:
    note, remark = f"昏迷送诊（{name}）", f"复核意见（{name}）"
    async with window() as clinician:
        await clinician.sign_in("/clinician", "li.jing")
        await emergency(clinician, "陈国强", note)
    async with window(viewport, language) as reviewer:
        await reviewer.sign_in("/reviewer", "fan.min")
        await looked_at(reviewer, f"{name}-reviewer-queue")
        await reviewer.page.click(f"li:has-text('{note}') a")
        await reviewer.page.wait_for_load_state()
        text = await reviewer.text()
        assert "陈国强" in text
        assert note in text
        reads = await reviewer.page.inner_text(".reads")
        assert "Observation" in reads
        assert "portal-clinician" in reads
        await looked_at(reviewer, f"{name}-reviewer-emergency")
        await reviewer.page.check(f"input[value={verdict}]")
        await reviewer.page.fill("#remark", remark)
        await reviewer.page.keyboard.press("Tab")
        await reviewer.page.keyboard.press("Enter")
        await reviewer.page.wait_for_url("**/reviewer?done=*")
        assert note not in await reviewer.text()
        await looked_at(reviewer, f"{name}-reviewer-closed")
    async with window(viewport, language) as resident:
        await resident.sign_in("/resident/sharing", "chen.guoqiang")
        await looked_at(resident, f"{name}-resident-verdict")
        assert remark in await resident.page.inner_text(".notices")


@pytest.mark.parametrize(
    ("name", "viewport", "language"), [("desk", DESK, "zh-CN"), ("phone", PHONE, "en-GB")]
)
async def test_an_auditor_searches_the_trail_and_asks_why(
    window: Window, name: str, viewport: ViewportSize, language: str
) -> None:
    async with window() as clinician:
        await clinician.sign_in("/clinician", "li.jing")
        await clinician.open_record("张明华", note=f"复诊（{name}）")
    async with window(viewport, language) as auditor:
        await auditor.sign_in("/auditor", "shen.yue")
        await auditor.page.fill("#account", "li.jing")
        await auditor.page.select_option("#action", "E")
        await auditor.page.click("form.trail-search button")
        await auditor.page.wait_for_load_state()
        assert f"复诊（{name}）" in await auditor.text()
        assert await auditor.page.locator("tbody tr").count() > 0
        assert await auditor.page.locator("tbody tr:not(:has-text('李静'))").count() == 0
        await looked_at(auditor, f"{name}-auditor-trail")
        why = auditor.page.locator(f"tr:has-text('复诊（{name}）') a[href^='/auditor/explain']")
        await why.first.click()
        await auditor.page.wait_for_load_state()
        await auditor.page.fill("#resource", "Encounter/yx-h1-00000-1-5")
        await auditor.page.click("form.trail-search button")
        await auditor.page.wait_for_load_state()
        assert "li.jing" in await auditor.page.inner_text(".verdict")
        await looked_at(auditor, f"{name}-auditor-explain")
        await auditor.page.fill("#resource", "Observation/nothing-here")
        await auditor.page.click("form.trail-search button")
        await auditor.page.wait_for_load_state()
        assert await auditor.page.locator("[role=alert]").count() == 1


@pytest.mark.parametrize(
    ("path", "login"),
    [
        ("/reviewer", "shen.yue"),
        ("/reviewer", "li.jing"),
        ("/auditor", "fan.min"),
        ("/auditor", "gao.jie"),
    ],
)
async def test_the_pages_are_for_their_role_only(window: Window, path: str, login: str) -> None:
    async with window() as portal:
        await portal.sign_in(path, login)
        assert await portal.page.locator("table, .log").count() == 0
        assert await portal.page.locator(".refused, .message, main").count() > 0
        assert any("403" in one for one in portal.complaints)
