"""Who looked and who may see, in a real browser: the resident restricts, the clinician sees less."""

import re

import psycopg
import pytest
from playwright.async_api import ViewportSize
from portal_window import DESK, PHONE, Portal, Window

from hie.web.record.access import accesses


async def wide(portal: Portal) -> bool:
    """Whether the page is wider than the window."""
    return bool(
        await portal.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
async def test_a_resident_sees_within_seconds_who_looked(
    window: Window, name: str, viewport: ViewportSize
) -> None:
    async with window() as clinician:
        await clinician.sign_in("/clinician", "li.jing")
        await clinician.open_record("张明华", note=f"复诊核对用药（{name}）")
    async with window(viewport) as portal:
        await portal.sign_in("/resident/log", "zhang.minghua")
        text = await portal.text()
        assert "李静" in text
        assert "云溪区第一人民医院" in text
        assert f"复诊核对用药（{name}）" in text
        assert not await wide(portal)
        await portal.picture(f"{name}-resident-log")
        others = await portal.page.locator(".log li").count()
        await portal.page.click("text=包含本人")
        await portal.page.wait_for_load_state()
        assert await portal.page.locator(".log li").count() > others
        assert portal.complaints == []


async def test_a_restriction_holds_at_once_and_ends_at_once(window: Window) -> None:
    async with window() as clinician, window() as resident:
        await clinician.sign_in("/clinician", "li.jing")
        await clinician.open_record("张明华", note="复诊")
        record = clinician.path
        results = f"{record}/results"
        await clinician.open(results)
        assert "糖化血红蛋白" in await clinician.text()

        await resident.sign_in("/resident/sharing", "zhang.minghua")
        await resident.page.select_option("#what", "result")
        await resident.page.click("form.restrict button")
        await resident.page.wait_for_load_state()
        assert "检验检查结果" in await resident.page.inner_text(".restrictions")
        await resident.picture("desk-resident-sharing")

        await clinician.open(results)
        assert "糖化血红蛋白" not in await clinician.text()
        await resident.open("/resident/results")
        assert "糖化血红蛋白" in await resident.text()

        await resident.open("/resident/sharing")
        await resident.page.click(".restrictions button")
        await resident.page.wait_for_load_state()
        assert await resident.page.locator(".restrictions li").count() == 0
        await clinician.open(results)
        assert "糖化血红蛋白" in await clinician.text()
        assert clinician.complaints == resident.complaints == []


async def test_one_visit_is_hidden_on_a_phone_in_english(window: Window) -> None:
    async with window(PHONE, "en-GB") as portal:
        await portal.sign_in("/resident/sharing", "chen.guoqiang")
        assert "Who may see" in await portal.text()
        visit = portal.page.locator("#what optgroup option").first
        await portal.page.select_option("#what", await visit.get_attribute("value"))
        await portal.page.click("form.restrict button")
        await portal.page.wait_for_load_state()
        assert "the visit 20" in await portal.page.inner_text(".restrictions")
        await portal.picture("phone-resident-sharing")
        assert not await wide(portal)
        await portal.page.click(".restrictions button")
        await portal.page.wait_for_load_state()
        assert portal.complaints == []


async def test_a_code_opens_and_an_emergency_is_told(window: Window) -> None:
    async with window() as clinician, window() as resident:
        # No relationship: the station of another community has never met this resident.
        with psycopg.connect(clinician.demo.conninfo, autocommit=True) as connection:
            connection.execute(
                "UPDATE auth.account SET institution = (SELECT number FROM store.institution "
                "WHERE code = 'YX-S3') WHERE login = 'wang.lei'"
            )
        await clinician.sign_in("/clinician", "wang.lei")
        await clinician.open_record("王秀英", note="随访")
        text = await clinician.text()
        assert "近期没有此人的诊疗关系" in text
        await clinician.picture("desk-clinician-no-relationship")

        await resident.sign_in("/resident/sharing", "chen.guoqiang")
        await resident.page.click("text=生成授权码")
        await resident.page.wait_for_load_state()
        code = (await resident.page.inner_text(".visit-code")).strip()
        assert re.fullmatch(r"\d{6}", code)

        async def stated(words: str, reason: str, note: str, said: str = "") -> None:
            await clinician.find(words)
            await clinician.page.click(".people a")
            await clinician.page.check(f"input[value={reason}]")
            await clinician.page.fill("#note", note)
            await clinician.page.fill("#code", said)
            await clinician.page.click("form.reason button")
            await clinician.page.wait_for_load_state()

        await stated("陈国强", "TREAT", "上门随访", code)
        assert "正在调阅" in await clinician.text()
        await stated("张明华", "ETREAT", "意识不清，急救")
        assert "正在调阅" in await clinician.text()
        async with window(PHONE) as told:
            await told.sign_in("/resident/sharing", "zhang.minghua")
            assert "意识不清，急救" in await told.page.inner_text(".notices")
            assert "等待审核" in await told.page.inner_text(".notices")
            await told.picture("phone-resident-emergency")


async def test_a_mother_looks_at_her_twins_record_and_comes_back(window: Window) -> None:
    async with window(PHONE) as portal:
        page = portal.page
        await portal.sign_in("/resident/family", "zhou.yuxin")
        await portal.picture("phone-resident-family")
        assert await page.locator(".restrictions li").count() == 2
        await page.click(".restrictions li:has-text('长女') button")
        await page.wait_for_load_state()
        assert portal.path == "/resident"
        text = await portal.text()
        assert "长女" in text
        assert "周雨欣 代为查看" in text
        assert not await wide(portal)
        await portal.picture("phone-resident-acting")
        await portal.open("/resident/sharing")
        assert "长女" in await portal.text()
        # Who looked says that it was the mother.
        await portal.open("/resident/log")
        assert "周雨欣" in await page.inner_text("ul.log")
        await portal.open("/resident/family")
        assert await page.locator(".restrictions li").count() == 2
        await page.click("text=返回本人档案")
        await portal.give_password("zhou.yuxin")
        assert "代为查看" not in await portal.text()
        assert portal.complaints == []


async def test_nobody_acts_for_others_by_sending_a_form(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident/family", "chen.guoqiang")
        with psycopg.connect(portal.demo.conninfo) as connection:
            (other,) = connection.execute(
                "SELECT patient FROM auth.account WHERE login = 'zhang.minghua'"
            ).fetchone() or ("",)
        answer = await portal.page.request.post(
            portal.demo.base + "/resident/family/open",
            form={"person": other},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert answer.url.endswith("/resident/family")
        assert "张明华" not in await answer.text()


def test_one_visit_of_one_person_is_one_line() -> None:
    def event(minute: int, code: str, who: str) -> dict[str, object]:
        return {
            "subtype": [{"code": code}],
            "recorded": f"2026-01-01T00:{minute:02}:07Z",
            "agent": [{"requestor": True, "name": who, "who": {"reference": f"X/{who}"}}],
        }

    events = [event(2, "read", "b"), *[event(1, "search-type", "a")] * 3, event(1, "read", "me")]
    events[-1]["agent"][0]["who"] = {"reference": "Patient/p"}  # type: ignore[index]
    lines = accesses(events, "p", own=False)
    assert [(line.name, line.times) for line in lines] == [("b", 1), ("a", 3)]
    assert len(accesses(events, "p", own=True)) == 3
