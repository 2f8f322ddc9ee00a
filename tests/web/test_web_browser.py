"""The portals in a real browser against a running district: what people see, and what they may not."""

import re
from datetime import UTC, datetime

import psycopg
import pytest
from playwright.async_api import ViewportSize
from portal_window import DESK, PHONE, Portal, Window

from hie.demo.personas import household

CARD = re.compile(r"\b\d{17}[\dX]\b")
INSTITUTIONS = ("云溪区第一人民医院", "云溪区中医医院", "清河社区卫生服务中心")
RECORD = "/clinician/patient/"


def change(portal: Portal, statement: str) -> int:
    """Change the database behind the portals' back; how many rows it touched."""
    with psycopg.connect(portal.demo.conninfo, autocommit=True) as connection:
        return connection.execute(statement.encode()).rowcount


async def wide(portal: Portal) -> bool:
    """Whether the page is wider than the window: people would have to scroll sideways."""
    return bool(
        await portal.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
async def test_a_resident_walks_through_the_lifelong_record(
    window: Window, name: str, viewport: ViewportSize
) -> None:
    async with window(viewport) as portal:
        page = portal.page
        await portal.open("/")
        await portal.picture(f"{name}-home")
        assert not await wide(portal)
        await page.click(".door-resident")
        assert "/oauth/authorize" in page.url
        assert not await wide(portal)
        await portal.give_password("zhang.minghua")
        assert portal.path == "/resident"
        await portal.picture(f"{name}-resident-timeline")
        text = await portal.text()
        assert "张明华" in text
        assert "青霉素" in text
        for institution in INSTITUTIONS:
            assert institution in text
        assert not CARD.search(text)
        assert not await wide(portal)

        days = await page.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
        assert days == sorted(days, reverse=True)
        places = page.locator(".occasion > .card > header .place")
        assert await places.count() == await page.locator(".occasion").count() > 5

        await page.click("nav.older a[rel=next]")
        await page.wait_for_load_state()
        older = await page.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
        assert older[0] <= days[-1]

        await page.goto(portal.demo.base + "/resident")
        await page.click("a.chip:has-text('处方')")
        await page.wait_for_load_state()
        assert await page.locator(".part-prescription").count() > 3
        assert await page.locator(".part-result").count() == 0
        await page.click("a.chip:has-text('云溪区第一人民医院')")
        await page.wait_for_load_state()
        assert "kind=prescription" in portal.path
        shown = await page.locator(".occasion header .place").all_inner_texts()
        assert set(shown) == {"云溪区第一人民医院"}

        assert portal.complaints == []


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
async def test_a_resident_reads_results_and_personal_data(
    window: Window, name: str, viewport: ViewportSize
) -> None:
    async with window(viewport) as portal:
        page = portal.page
        await portal.sign_in("/resident", "zhang.minghua")
        await page.click("nav.tabs >> text=检验趋势")
        await page.wait_for_load_state()
        await portal.picture(f"{name}-resident-results")
        assert not await wide(portal)
        await page.click("a.test:has-text('糖化血红蛋白')")
        await page.wait_for_load_state()
        await portal.picture(f"{name}-resident-trend")
        assert not await wide(portal)
        readings = page.locator("table.readings tbody tr")
        assert await readings.count() == await page.locator("svg.chart circle").count() > 5
        assert len(set(await readings.locator(".place").all_inner_texts())) > 1

        await page.click("nav.tabs >> text=个人信息")
        await page.wait_for_load_state()
        await portal.picture(f"{name}-resident-about")
        assert "990*************" in await portal.text()
        assert not CARD.search(await portal.text())
        assert portal.complaints == []


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
async def test_a_clinician_finds_a_patient_states_a_reason_and_reads(
    window: Window, name: str, viewport: ViewportSize
) -> None:
    async with window(viewport) as portal:
        page = portal.page
        await portal.sign_in("/clinician", "li.jing")
        for words, birth in (
            ("zhang minghua", ""), ("zhangminghua", "1958"), ("张明华", ""), ("张明", "1958"),
        ):  # fmt: skip
            await portal.find(words, birth)
            assert await page.locator(".people li").count() == 1, words
        assert words not in page.url
        await portal.find("张明华", "1957")
        assert await page.locator(".people li").count() == 0
        await portal.find("张明华")
        await portal.picture(f"{name}-clinician-find")
        assert not CARD.search(await portal.text())

        await page.click(".people a")
        await page.wait_for_load_state()
        assert "糖尿病" not in await portal.text()
        await portal.picture(f"{name}-clinician-reason")
        await page.check("input[value=TREAT]")
        await page.fill("#note", "门诊复诊，核对既往检验")
        await page.click("form.reason button")
        await page.wait_for_load_state()
        await portal.picture(f"{name}-clinician-summary")
        assert not await wide(portal)
        summary = await portal.text()
        for shown in ("青霉素", "糖尿病", "高血压", "糖化血红蛋白", "李静", "核对既往检验"):
            assert shown in summary
        assert "李静" in await page.locator("svg.watermark").text_content() or ""

        await page.click("nav.tabs >> text=时间轴")
        await page.wait_for_load_state()
        await portal.picture(f"{name}-clinician-timeline")
        text = await portal.text()
        for institution in INSTITUTIONS:
            assert institution in text
        await page.click("nav.tabs >> text=检验趋势")
        await page.click("a.test:has-text('肌酐')")
        await page.wait_for_load_state()
        assert await page.locator("table.readings tbody tr").count() > 3

        # The person stays one in the list, also when the linked source records may be read.
        await portal.find("张明华")
        assert await page.locator(".people li").count() == 1
        assert portal.complaints == []


async def test_a_patient_is_found_by_the_number_of_the_identity_card(window: Window) -> None:
    (number,) = (
        resident.card
        for resident in household(2, datetime.now(UTC).date()).residents
        if resident.name.text == "陈国强"
    )
    assert number is not None
    async with window() as portal:
        await portal.sign_in("/clinician", "wang.lei")
        await portal.find(number.lower())
        assert await portal.page.locator(".people .name").all_inner_texts() == ["陈国强"]
        assert number not in await portal.page.inner_text("main ul")
        await portal.find(number[:-1] + ("0" if number[-1] != "0" else "1"))
        assert await portal.page.locator(".people .name").count() == 0


async def test_pages_are_english_where_the_browser_asks_for_it(window: Window) -> None:
    async with window(language="en-GB") as portal:
        await portal.sign_in("/resident?kind=result", "zhang.minghua")
        assert portal.path == "/resident?kind=result"
        assert "Outpatient" in await portal.text()
        await portal.page.click("nav.languages >> text=中文")
        await portal.page.wait_for_load_state()
        assert portal.path == "/resident?kind=result"
        assert "门诊" in await portal.text()
        assert await portal.page.get_attribute("html", "lang") == "zh-CN"


@pytest.mark.parametrize(
    "path",
    [
        "/resident", "/resident/results", "/resident/about", "/clinician",
        RECORD + "x", RECORD + "x/timeline", RECORD + "x/results",
    ],
)  # fmt: skip
async def test_nobody_sees_anything_without_signing_in(window: Window, path: str) -> None:
    async with window() as portal:
        answer = await portal.context.request.get(portal.demo.base + path, max_redirects=0)
        assert answer.status == 303
        assert f"{'/' + path.split('/')[1]}/login?to=" in answer.headers["location"]
        forged = {"Cookie": "hie-resident=forged; hie-clinician=forged"}
        answer = await portal.context.request.get(
            portal.demo.base + path, max_redirects=0, headers=forged
        )
        assert answer.status == 303


async def test_without_a_reason_a_clinician_gets_nothing(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/clinician", "wang.lei")
        await portal.find("王秀英")
        address = str(await portal.page.locator(".people a").get_attribute("href"))
        for path in ("", "/timeline", "/results", "/results?test=http://loinc.org|4548-4"):
            await portal.open(address + path)
            text = await portal.text()
            assert "请说明调阅理由" in text
            for secret in ("磺胺", "糖尿病", "糖化血红蛋白", "医院"):
                assert secret not in text
        for form in ({}, {"reason": "TREAT"}, {"note": "x"}, {"reason": "CURIOSITY", "note": "x"}):
            answer = await portal.context.request.post(
                f"{portal.demo.base}{address}/open",
                form=form,
                headers={"Sec-Fetch-Site": "same-origin"},
            )
            assert answer.status == 422
        await portal.open(address)
        assert "请说明调阅理由" in await portal.text()


async def test_an_opened_record_closes_by_itself_and_by_hand(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/clinician", "li.jing")
        await portal.open_record("王秀英", note="核对过敏史")
        assert "磺胺" in await portal.text()
        assert change(portal, "UPDATE access.opened_record SET until = now()") > 0
        await portal.page.reload()
        text = await portal.text()
        assert "本次调阅已到期" in text
        assert "磺胺" not in text
        await portal.open_record("王秀英", note="继续核对")
        await portal.page.click("text=结束调阅")
        await portal.page.wait_for_load_state()
        assert portal.path == "/clinician"
        await portal.page.click(".people a")
        await portal.page.wait_for_load_state()
        assert "请说明调阅理由" in await portal.text()


async def test_an_opening_ends_on_the_screen_without_a_click(window: Window) -> None:
    async with window() as portal:
        await portal.page.clock.install()
        await portal.sign_in("/clinician", "li.jing")
        await portal.open_record("张明华")
        await portal.page.evaluate("document.getElementById('content').dataset.kept = 'yes'")
        await portal.page.clock.fast_forward("01:05:00")
        await portal.page.wait_for_selector("#content:not([data-kept])")


async def test_one_clinicians_reason_opens_nothing_for_another(window: Window) -> None:
    async with window() as first, window() as second:
        await first.sign_in("/clinician", "li.jing")
        await first.open_record("张明华")
        await second.sign_in("/clinician", "wang.lei")
        await second.open(first.path)
        text = await second.text()
        assert "请说明调阅理由" in text
        assert "糖尿病" not in text


async def test_one_resident_never_sees_anothers_record(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "chen.guoqiang")
        for path in ("/resident", "/resident/results", "/resident/about"):
            await portal.open(path)
            text = await portal.text()
            assert "陈国强" in text
            for other in ("张明华", "青霉素", "王秀英", "磺胺"):
                assert other not in text
        # The resident's session is no key to the clinicians' desk, nor staff accounts to this portal.
        await portal.open("/clinician")
        assert "/oauth/authorize" in portal.page.url
        await portal.give_password("chen.guoqiang")
        assert not portal.path.startswith(("/clinician/patient", "/clinician?"))
        assert "查找就诊人" not in await portal.text()


async def test_signing_out_ends_the_session_and_its_token(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "zhou.yuxin")
        cookies = await portal.context.cookies(portal.demo.base + "/resident")
        await portal.page.click("text=退出登录")
        await portal.page.wait_for_load_state()
        assert portal.path == "/"
        await portal.context.add_cookies(
            [
                {"name": c["name"], "value": c["value"], "url": portal.demo.base + "/resident"}
                for c in cookies
            ]
        )
        await portal.open("/resident")
        assert "/oauth/authorize" in portal.page.url
        assert await portal.page.locator("input[name=password]").count() == 1
        with psycopg.connect(portal.demo.conninfo) as connection:
            row = connection.execute(
                "SELECT count(*) FROM auth.token WHERE account = 'zhou.yuxin' AND kind = 'access'"
                " AND revoked_at IS NULL AND expires_at > now()"
            ).fetchone()
        assert row == (0,)


async def test_an_expired_session_leads_back_to_the_same_place(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "zhang.minghua")
        await portal.open("/resident?kind=prescription")
        assert change(portal, "UPDATE web.session SET expires_at = now()") > 0
        await portal.page.reload()
        assert "/oauth/authorize" in portal.page.url
        await portal.give_password("zhang.minghua")
        assert portal.path == "/resident?kind=prescription"


async def test_a_revoked_token_ends_the_session(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "zhang.minghua")
        assert change(portal, "UPDATE auth.token SET revoked_at = now()") > 0
        await portal.page.reload()
        assert "/oauth/authorize" in portal.page.url


async def test_cookies_and_headers_keep_pages_private(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "zhang.minghua")
        cookies = await portal.context.cookies(portal.demo.base + "/resident")
        (own,) = [c for c in cookies if c["name"] == "hie-resident"]
        assert own["httpOnly"]
        assert own["sameSite"] == "Lax"
        assert own["path"] == "/resident"
        answer = await portal.context.request.get(portal.demo.base + "/resident")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access_token" not in await answer.text()
        style = await portal.context.request.get(portal.demo.base + "/static/hie.css")
        assert style.headers["x-content-type-options"] == "nosniff"


async def test_forms_of_other_sites_are_not_carried_out(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident", "zhang.minghua")
        address = f"{portal.demo.base}/resident/logout"
        for headers in (
            {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {},
        ):  # fmt: skip
            answer = await portal.context.request.post(address, headers=headers, max_redirects=0)
            assert answer.status == 403
        await portal.page.reload()
        assert portal.path == "/resident"


async def test_a_sign_in_that_nobody_began_is_refused(window: Window) -> None:
    async with window() as portal:
        for query in ("", "?code=x&state=y", "?error=access_denied&state=y"):
            answer = await portal.context.request.get(
                f"{portal.demo.base}/resident/callback{query}", max_redirects=0
            )
            assert answer.status == 400
        # Begun, but answered with another state.
        await portal.open("/resident")
        answer = await portal.context.request.get(
            f"{portal.demo.base}/resident/callback?code=x&state=other", max_redirects=0
        )
        assert answer.status == 400


async def test_the_way_back_never_leaves_the_site(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/resident/login?to=//evil.example/", "zhang.minghua")
        assert portal.path == "/resident"
        answer = await portal.context.request.get(
            f"{portal.demo.base}/language/en?to=https://evil.example", max_redirects=0
        )
        assert answer.headers["location"] == "/"


async def test_unknown_addresses_and_people_read_as_plain_words(window: Window) -> None:
    async with window() as portal:
        await portal.sign_in("/clinician", "li.jing")
        await portal.open("/clinician/patient/nobody")
        assert "调阅" not in await portal.page.inner_text("main")
        await portal.open("/resident/nothing/here")
        assert "没有这个页面" in await portal.text()
        await portal.find("张明华", "1958-99")
        assert await portal.page.locator("main h1").count() == 1
