"""The data steward's desk in a real browser: queue, pair, decision by keyboard, second opinion."""

import orjson
import psycopg
import pytest
from playwright.async_api import ViewportSize
from portal_window import DESK, PHONE, Portal, Running, Window

from hie.access.caller import Caller
from hie.auth.accounts import create_account, find_account
from hie.auth.secret import hash_password
from hie.kit.db import Connection, Database
from hie.mpi import steward
from hie.mpi.opinion import SAMPLE
from hie.mpi.people import person_of
from hie.mpi.steward import Done
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.open import open_exchange
from hie.records.relink import relink
from hie.settings import Settings

HOSPITAL, STATION = (1, "YX-H1"), (3, "YX-S1")
TWIN_REVIEWS = """
SELECT number FROM mpi.review WHERE closed IS NULL AND registration LIKE '%-twin-_'
"""
COLLEAGUE, PASSWORD = "yuan.fang", "correct horse battery"


TWINS = (
    ("王雨欣", "王雨桐", "2019-03-04", "桂花苑3幢2单元501室"),
    ("赵若曦", "赵若涵", "2017-11-20", "梧桐里8幢1单元102室"),
    ("孙语嫣", "孙语晴", "2015-06-15", "望湖小区12幢3单元603室"),
)


def twin(id_: str, name: str, born: str, home: str, institution: str) -> Entry:
    resource = {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": f"urn:hie:institution:{institution}:patient", "value": id_}],
        "name": [{"use": "official", "text": name, "family": name[0], "given": [name[1:]]}],
        "gender": "female",
        "birthDate": born,
        "telecom": [{"system": "phone", "value": f"199{born.replace('-', '')}"}],
        "address": [{"text": f"云溪区清河街道{home}"}],
    }
    return Entry("PUT", "Patient", id_, orjson.dumps(resource))


@pytest.fixture(scope="session")
async def reviews(demo: Running) -> list[int]:
    """Open reviews, as many as it takes that one is asked twice; and a second steward."""
    async with open_exchange(Settings(database_url=demo.conninfo), demo.conninfo) as exchange:
        for number, (first, second, born, home) in enumerate(TWINS):
            for (institution, code), name in ((HOSPITAL, first), (STATION, second)):
                caller = Caller.for_institution(institution, code)
                id_ = f"{code.lower()}-twin-{number}"
                await accept(exchange, caller, [twin(id_, name, born, home, code)])
        async with exchange.store.database.connection() as connection:
            await create_account(
                connection,
                login=COLLEAGUE,
                password_hash=hash_password(PASSWORD),
                kind="staff",
                display_name="袁芳",
                fhir_user="Practitioner/yx-h1-yuan-fang",
                institution=1,
                roles=["steward"],
            )
            rows = await connection.execute(TWIN_REVIEWS)
            found = [number for (number,) in await rows.fetchall()]
    demo.passwords[COLLEAGUE] = PASSWORD
    assert len(found) >= SAMPLE
    return found


async def wide(portal: Portal) -> bool:
    return bool(
        await portal.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
async def test_a_steward_sees_queue_and_pair(
    window: Window, reviews: list[int], name: str, viewport: ViewportSize
) -> None:
    async with window(viewport) as portal:
        page = portal.page
        await portal.sign_in("/steward", "gao.jie")
        assert portal.path == "/steward"
        assert await page.locator(".reviews li").count() >= 1
        await portal.picture(f"{name}-steward-queue")
        assert not await wide(portal)
        await page.click("a.chip:has-text('卡号不同')")
        await page.wait_for_load_state()
        assert await page.locator(".reviews li").count() == 0
        await portal.open(f"/steward/review/{max(reviews)}")
        text = await portal.text()
        for shown in ("语嫣", "语晴", "云溪区第一人民医院", "清河社区卫生服务中心", "一字之差"):
            assert shown in text, shown
        assert "嫣" in await page.locator("mark").all_inner_texts()
        assert await page.locator("svg.waterfall rect").count() > 4
        await portal.picture(f"{name}-steward-pair")
        await page.locator("form.decision").scroll_into_view_if_needed()
        await portal.picture(f"{name}-steward-decision")
        assert not await wide(portal)
        assert portal.complaints == []


TRIPLETS = ("周雨桐", "周雨欣", "周雨涵")


@pytest.fixture(scope="session")
async def trio(demo: Running, reviews: list[int]) -> list[int]:
    """Three children of one home and day at two institutions: pairs that hang together."""
    async with open_exchange(Settings(database_url=demo.conninfo), demo.conninfo) as exchange:
        for number, name in enumerate(TRIPLETS):
            institution, code = STATION if number == 1 else HOSPITAL
            caller = Caller.for_institution(institution, code)
            entry = twin(f"trio-{number}", name, "2018-08-08", "桂花苑7幢1单元302室", code)
            await accept(exchange, caller, [entry])
        async with exchange.store.database.connection() as connection:
            rows = await connection.execute(
                "SELECT number FROM mpi.review WHERE closed IS NULL AND registration LIKE 'trio-%'"
            )
            found = [number for (number,) in await rows.fetchall()]
    assert len(found) == 3
    return found


@pytest.mark.parametrize(
    ("name", "viewport", "language"),
    [("desk", DESK, "zh-CN"), ("phone", PHONE, "zh-CN"), ("desk", DESK, "en-GB")],
)
async def test_pairs_that_hang_together_stand_side_by_side(
    window: Window, trio: list[int], name: str, viewport: ViewportSize, language: str
) -> None:
    async with window(viewport, language=language) as portal:
        page = portal.page
        await portal.sign_in("/steward", "gao.jie")
        together = "涉及 3 名居民" if language == "zh-CN" else "3 persons hang together"
        assert await page.locator(f".reviews li:has-text('{together}')").count() == 1
        await page.click(f".reviews li:has-text('{together}') a")
        await page.wait_for_load_state()
        assert await page.locator("nav.cluster a.chip").count() == 3
        assert await page.locator(".compare thead th[scope=col]").count() == 4
        text = await portal.text()
        assert all(child in text.replace("\n", "") for child in ("桐", "欣", "涵"))
        await portal.picture(f"{name}-steward-cluster{'-english' if language == 'en-GB' else ''}")
        assert not await wide(portal)
        here = portal.path
        await page.locator("nav.cluster a.chip").nth(1).click()
        await page.wait_for_load_state()
        assert portal.path != here
        assert await page.locator(".compare thead th[scope=col]").count() == 4
        assert await page.locator("svg.waterfall rect").count() > 4
        assert portal.complaints == []


async def test_from_one_decision_to_the_next_of_the_cluster(
    window: Window, trio: list[int]
) -> None:
    async with window() as portal:
        page = portal.page
        await portal.sign_in(f"/steward/review/{min(trio)}", "gao.jie")
        for left in (2, 1, 0):
            await page.check("input[value=not-duplicate]")
            await page.fill("textarea[name=note]", "三名不同的孩子，已电话核实")
            await page.click("form.decision button")
            await page.wait_for_load_state()
            assert portal.path.startswith("/steward/review/" if left else "/steward?done=")
            assert await page.locator("nav.cluster a.chip").count() == (left if left > 1 else 0)
        assert portal.complaints == []


async def test_the_pages_are_in_english_too(window: Window, reviews: list[int]) -> None:
    async with window(language="en-GB") as portal:
        await portal.sign_in("/steward", "gao.jie")
        await portal.open(f"/steward/review/{max(reviews)}")
        await portal.picture("desk-steward-pair-english")
        text = await portal.text()
        assert "Possibly one person" in text
        assert "Two people: never ask again" in text


async def test_decided_by_keyboard_then_judged_blind_by_a_colleague(
    window: Window, demo: Running, reviews: list[int]
) -> None:
    sampled = next(number for number in reviews if number % SAMPLE == 0)
    async with window() as portal:
        page = portal.page
        await portal.sign_in(f"/steward/review/{sampled}", "gao.jie")
        await page.keyboard.press("1")
        assert await page.locator("input[value=not-duplicate]").is_checked()
        await page.focus("#note")
        await page.keyboard.type("致电母亲 2 次，确认是双胞胎")
        assert await page.locator("input[value=not-duplicate]").is_checked()
        await page.keyboard.press("Tab")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert portal.path == f"/steward?done={sampled}"
        assert str(sampled) in await portal.text()
        await portal.open(f"/steward/second/{sampled}")
        assert portal.path == "/steward/second"  # nobody gives two opinions
        assert portal.complaints == []
    async with window() as portal:
        page = portal.page
        await portal.sign_in("/steward/second", COLLEAGUE)
        await page.click(".reviews a")
        await page.wait_for_load_state()
        text = await portal.text()
        assert "一字之差" in text
        assert "致电母亲" not in text
        assert "建议" not in text
        await portal.picture("desk-steward-second")
        await page.check("input[value=different]")
        await page.fill("#note", "姓名不同，同日出生")
        await page.click("form.decision button")
        await page.wait_for_load_state()
        await portal.open("/steward")
        figures = await page.locator("dl.agreement dd").all_inner_texts()
        assert figures[:2] == ["1", "100%"]
        assert portal.complaints == []
    async with Database(demo.conninfo, size=1) as database, database.connection() as connection:
        cursor = await connection.execute(
            "SELECT verdict, count(*) FROM mpi.opinion WHERE review = %s GROUP BY verdict",
            (sampled,),
        )
        assert await cursor.fetchall() == [("different", 2)]


async def test_a_missing_reason_is_asked_for(window: Window, reviews: list[int]) -> None:
    number = next(number for number in reviews if number % SAMPLE)
    async with window() as portal:
        page = portal.page
        await portal.sign_in(f"/steward/review/{number}", "gao.jie")
        await page.fill("#note", " ")
        await page.click("form.decision button")
        await page.wait_for_load_state()
        assert await page.locator("[role=alert]").count() == 1
        assert "理由" in await page.locator("[role=alert]").inner_text()


async def test_merging_shows_at_once(window: Window, demo: Running, reviews: list[int]) -> None:
    number = next(number for number in reviews if number % SAMPLE)
    async with window() as portal:
        page = portal.page
        await portal.sign_in(f"/steward/review/{number}", "gao.jie")
        await page.check("input[value=merge]")
        await page.fill("#note", "户口本核对为同一人")
        await page.click("form.decision button")
        await page.wait_for_load_state()
        await portal.open(f"/steward/review/{number}")
        assert "没有" in await portal.text()
    with psycopg.connect(demo.conninfo) as connection:
        row = connection.execute(
            "SELECT registration FROM mpi.review WHERE number = %s", (number,)
        ).fetchone()
    assert row is not None
    other = row[0].replace("yx-s1", "yx-h1")
    async with Database(demo.conninfo, size=1) as database, database.connection() as opened:
        people = await person_of(opened, [row[0], other])
    assert len(set(people.values())) == 1


async def test_a_resident_who_was_merged_sees_both_until_it_is_undone(
    window: Window, demo: Running, reviews: list[int]
) -> None:
    who = {"actor": "Practitioner/yx-h1-gao-jie", "reason": "test of merging"}
    async with open_exchange(Settings(database_url=demo.conninfo), demo.conninfo) as exchange:
        async with exchange.store.database.connection() as connection:
            account = await find_account(connection, "zhang.minghua")
            people = await person_of(connection, ["yx-s1-twin-2"])
        assert account is not None
        assert account.patient is not None
        gone, survivor = account.patient, people["yx-s1-twin-2"]

        async def about() -> str:
            async with window() as portal:
                await portal.sign_in("/resident/about", "zhang.minghua")
                assert portal.complaints == []
                return await portal.text()

        async def merge(connection: Connection) -> Done:
            return await steward.merge(connection, survivor, gone, **who)

        done = await relink(exchange, Caller.operator(), "merge", "test of merging", merge)

        async def unmerge(connection: Connection) -> Done:
            return await steward.unmerge(connection, done.event, **who)

        try:
            merged = await about()
        finally:
            await relink(exchange, Caller.operator(), "unmerge", "test of merging", unmerge)
        assert "张明华" in merged
        assert "清河社区卫生服务中心" in merged
        assert "张明华" in await about()


async def test_others_are_refused(window: Window, reviews: list[int]) -> None:
    async with window() as portal:
        await portal.sign_in("/steward", "li.jing")
        assert "数据管理员" in await portal.text()
        assert await portal.page.locator(".reviews").count() == 0


async def test_a_form_of_another_site_is_not_carried_out(
    window: Window, reviews: list[int]
) -> None:
    async with window() as portal:
        await portal.sign_in("/steward", "gao.jie")
        path = await portal.page.locator(".reviews a").first.get_attribute("href")
        answer = await portal.context.request.post(
            f"{portal.demo.base}{path}",
            form={"decision": "merge", "note": "forged"},
            headers={"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"},
        )
        assert answer.status == 403
        await portal.open(str(path))
        assert await portal.page.locator("form.decision").count() == 1
