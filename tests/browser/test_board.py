"""The pages in a real browser: what they show is what the API says, for everybody what is theirs, and it follows by itself."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from app.features.statistics.fresh import Fresh
from tests.browser.conftest import CANARY, NEEDED, PHONE, WALL, Site, go, shot, shown, sign_in
from tests.make.world import case
from tests.support.chromium import Page

pytestmark = NEEDED

TEXT_OF = "[...document.querySelectorAll('{0}')].map((one) => one.innerText.trim())"


def figure(told: dict[str, Any], metric: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["figures"] if one["metric"] == metric)
    return found


async def test_signing_in_and_out_with_a_cookie_no_script_can_read(page: Page, site: Site) -> None:
    await page.open(f"{site.url}/")
    await page.until("document.getElementById('password')")
    await page.type("supervision_office")
    await page.js("document.getElementById('password').focus()")
    await page.type("猜一个密码试试看吧")
    await page.press("Enter")
    await page.until("document.querySelector('.error').textContent.includes('账号或密码不正确')")
    await sign_in(page, site)
    assert await page.js("document.cookie") == ""
    assert site.password("supervision_office") not in await page.js("location.href + document.body.innerHTML")
    await page.open(f"{site.url}/")
    await shown(page, "board")
    await page.js("[...document.querySelectorAll('.bar button')].at(-1).click()")
    await page.until("document.getElementById('password')")
    assert await page.js("fetch('v1/me').then((answer) => answer.status)") == 401
    site.world.made.callers.pop("supervision_office", None)


async def test_every_figure_on_the_board_is_the_one_of_the_api(page: Page, site: Site) -> None:
    await sign_in(page, site)
    told = await site.dashboard("supervision_office")
    counts = [one for one in told["figures"] if one["value_unit"] != "percent"]
    shown_counts = {one["metric"]: "—" if one["value"] is None else one["value"] for one in counts}
    assert "avg_days" in shown_counts
    tiles = await page.js(
        "Object.fromEntries([...document.querySelectorAll('.tile')].map("
        "(one) => [one.dataset.metric, one.querySelector('.tile-value').innerText]))"
    )
    shown_counts |= {
        "due_this_week": str(told["due_this_week"]["numerator"]),
        "reopened_month": str(told["months"][-1]["reopened"]["count"]),
    }
    assert tiles == shown_counts
    assert len(tiles) >= 6
    shares = [one for one in told["figures"] if one["value_unit"] == "percent"]
    percents = {one["metric"]: "—" if one["percent"] is None else f"{one['percent']}%" for one in shares}
    assert percents == await page.js(
        "Object.fromEntries([...document.querySelectorAll('.rate, .gauge-text')].map("
        "(one) => [one.dataset.metric, one.querySelector('.rate-value, strong').innerText]))"
    )
    lights = await page.js(TEXT_OF.format(".light strong"))
    assert lights == [str(told["lights"][name]["count"]) for name in ("red", "yellow", "blue", "green", "none")]


async def test_every_chart_is_also_a_table_of_the_same_figures(page: Page, site: Site) -> None:
    await sign_in(page, site)
    told = await site.dashboard("supervision_office")
    await page.until("document.querySelectorAll('canvas').length === 5")
    await page.js("document.querySelectorAll('.panel-head button').forEach((one) => one.click())")
    rows = await page.js(
        "Object.fromEntries(['months', 'units', 'sources', 'categories'].map((name) => [name,"
        " [...document.querySelectorAll(`.panel-${name} tbody tr`)].map((row) =>"
        " [...row.children].map((cell) => cell.innerText.trim()))]))"
    )
    assert rows["months"] == [
        [row["month"], *(str(row[key]["count"]) for key in ("registered", "closed", "reopened"))]
        for row in told["months"]
    ]
    for name, groups in (("units", "by_unit"), ("sources", "by_source"), ("categories", "by_category")):
        expected = [
            ["未填" if group["key"] is None else group["name"]["zh"], *map(cell, group["figures"])]
            for group in told[groups]
        ]
        assert rows[name] == expected, name
        assert expected


def cell(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return "＊" if one["suppressed"] else "—"
    return f"{one['value']}%" if one["value_unit"] == "percent" else str(one["value"])


async def test_a_figure_leads_to_the_list_of_what_it_counts_and_on_to_an_item(page: Page, site: Site) -> None:
    await sign_in(page, site)
    in_progress = figure(await site.dashboard("supervision_office"), "in_progress")["numerator"]
    await page.js("document.querySelector('[data-metric=in_progress]').click()")
    await shown(page, "items")
    assert await page.js("document.querySelectorAll('.items tbody tr').length") == in_progress
    assert await page.js("document.querySelector('[data-total]').dataset.total") == str(in_progress)
    await page.js("document.querySelector('.items tbody a').click()")
    await shown(page, "item")
    item_id = await page.js("document.querySelector('.item').dataset.id")
    office = await site.api("supervision_office")
    item, events = await office.get(f"/items/{item_id}"), await office.get(f"/items/{item_id}/events?limit=200")
    assert await page.js("document.querySelector('h1').innerText") == item["title"]
    assert await page.js("document.querySelectorAll('.timeline li').length") == len(events["items"])
    readiness = await office.get(f"/items/{item_id}/closing-readiness")
    assert await page.js(TEXT_OF.format("[data-rule]")) == [
        missing["detail"]
        for missing in [m for gate in readiness["gates"] for m in gate["missing"]] + readiness["guards"]
    ]


async def test_what_falls_due_and_what_was_yielded_lead_to_their_items_too(page: Page, site: Site) -> None:
    of = case()
    item = await site.world.carrier.to("rectifying", of)
    head = await site.world.carrier.head(of)
    await head.post(f"/items/{item['id']}/outcomes", {"kind": "institution", "name": "采购管理办法"})
    site.world.app.state.figures = Fresh()
    told = await site.dashboard("supervision_office")
    yielded = next(one["items"] for one in told["outcomes"] if one["kind"] == "institution")
    assert yielded >= 1
    await sign_in(page, site)
    for chosen, number in (
        ("[data-metric=due_this_week]", told["due_this_week"]["numerator"]),
        ("[data-outcome=institution] a", yielded),
    ):
        await go(page, "#/", "board")
        await page.until(f"document.querySelector('{chosen}')")
        await page.js(f"document.querySelector('{chosen}').click()")
        await shown(page, "items")
        assert await page.js("document.querySelector('[data-total]').dataset.total") == str(number)
    assert await page.js(f"document.querySelector('.items a[href*=\\'{item['id']}\\']') !== null")


async def test_what_is_of_too_few_is_marked_as_withheld(page: Page, site: Site) -> None:
    of = case(confidentiality="restricted")
    item = await site.world.carrier.to("rectifying", of)
    head = await site.world.carrier.head(of)
    await head.post(f"/items/{item['id']}/outcomes", {"kind": "accountability", "name": "通报批评"})
    site.world.app.state.figures = Fresh()
    await sign_in(page, site)
    assert await page.js("document.querySelector('[data-outcome=accountability] dd').innerText") == "＊"
    assert await page.js("document.querySelector('[data-outcome=accountability] abbr').title") != ""
    assert await page.js("document.querySelector('[data-outcome=accountability] a')") is None


async def test_one_day_is_not_days_in_english(page: Page, site: Site) -> None:
    await page.open(f"{site.url}/")
    said = (
        "import('/board/i18n.js').then((words) => {{ words.speak('{0}');"
        " return ['1', '2', '21'].map((n) => words.t('days_late', {{ n }})); }})"
    )
    assert await page.js(said.format("en")) == ["1 day late", "2 days late", "21 days late"]
    assert await page.js(said.format("zh-CN")) == ["逾期 1 天", "逾期 2 天", "逾期 21 天"]


async def test_a_search_that_is_refused_can_be_set_right(page: Page, site: Site) -> None:
    await sign_in(page, site)
    await go(page, "#/items?q=。。&without=mode", "items")
    assert await page.js(TEXT_OF.format("[role=alert]")) == ["至少两个可检索的字符"]
    assert await page.js("document.querySelector('input[name=q]').value") == "。。"
    assert await page.js("document.querySelectorAll('.chip').length") == 1
    await page.js("document.querySelector('input[name=q]').value = '问题'")
    await page.js("document.querySelector('.filters').requestSubmit()")
    await page.until("document.querySelector('[data-total]')")
    page.complaints[:] = [one for one in page.complaints if "422" not in one]


async def test_a_chart_says_that_it_does_not_show_all_groups(page: Page, site: Site) -> None:
    office = await site.api("supervision_office")
    codes = [one["code"] for one in (await office.get("/categories?limit=200"))["items"] if one["parent_id"]]
    for code in codes[:11]:
        await site.world.item("registered", of=case(category=code))
    site.world.app.state.figures = Fresh()
    every = len((await site.dashboard("supervision_office"))["by_category"])
    await sign_in(page, site)
    assert every > 9
    assert await page.js(TEXT_OF.format(".cut")) == [f"前 9 项，共 {every} 项"]


async def test_an_item_says_whether_its_last_step_is_under_a_signed_checkpoint(page: Page, site: Site) -> None:
    await site.seal()
    await sign_in(page, site)
    await go(page, f"#/items/{site.secret['id']}", "item")
    assert await page.js("document.querySelector('[data-sealed]').dataset.sealed") == "true"
    await go(page, "#/items/01a20000-0000-7000-8000-000000000000", "item")
    await page.until("document.body.innerText.includes('不在您的查看范围之内')")


async def test_the_board_follows_what_happens_without_being_loaded_anew(page: Page, site: Site) -> None:
    await sign_in(page, site)
    value = "document.querySelector('[data-metric=due_base] .tile-value').innerText"
    before = int(await page.js(value))
    await page.js("window.untouched = true")
    await page.until("document.getElementById('live').innerText === '实时'")
    await site.world.item("registered")
    await page.until(f"{value} === '{before + 1}'", seconds=15)
    assert await page.js("window.untouched") is True


async def test_everybody_sees_their_own_and_restricted_text_stays_hidden(page: Page, site: Site) -> None:
    await sign_in(page, site, "unit_head_finance")
    told = await site.dashboard("unit_head_finance")
    whole = await site.dashboard("supervision_office")
    assert figure(told, "due_base")["numerator"] < figure(whole, "due_base")["numerator"]
    assert await page.js("document.querySelector('[data-metric=due_base] .tile-value').innerText") == str(
        figure(told, "due_base")["numerator"]
    )
    await go(page, f"#/items/{site.secret['id']}", "item")
    await page.until("document.body.innerText.includes('不在您的查看范围之内')")
    await page.js("[...document.querySelectorAll('.bar button')].at(-1).click()")
    site.world.made.callers.pop("unit_head_finance", None)
    await sign_in(page, site, "viewer")
    await go(page, f"#/items/{site.secret['id']}", "item")
    assert CANARY not in await page.js("document.documentElement.innerHTML + document.title")
    assert await page.js("document.querySelector('h1').innerText") == "（内容受限）"


async def test_a_session_that_was_ended_elsewhere_leaves_the_page_within_seconds(page: Page, site: Site) -> None:
    await sign_in(page, site, "leader_2")
    await page.until("document.getElementById('live').innerText === '实时'")
    async with httpx2.AsyncClient(base_url=site.url) as http:
        form = {"username": "leader_2", "password": site.password("leader_2")}
        token = (await http.post("/v1/auth/token", data=form)).json()["access_token"]
        assert (await http.delete("/v1/auth/token", headers={"Authorization": f"Bearer {token}"})).status_code == 204
    await page.until("document.body.innerText.includes('登录已失效')", seconds=10)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_board_fits_a_wall_and_a_phone_in_both_languages(page: Page, site: Site, language: str) -> None:
    await sign_in(page, site)
    await page.js(f"localStorage.setItem('rectify-language', '{language}')")
    for width, height in (WALL, PHONE):
        await page.size(width, height, phone=width < 600)
        await page.open("about:blank")
        await page.open(f"{site.url}/")
        await shown(page, "board")
        assert await page.js("document.documentElement.lang") == language
        assert await page.js("document.documentElement.scrollWidth") <= width
        if width > 600:
            assert await page.js("document.documentElement.scrollHeight") <= height
        for address, name in (("#/items", "items"), (f"#/items/{site.secret['id']}", "item")):
            await go(page, address, name)
            assert await page.js("document.documentElement.scrollWidth") <= width, name
    if language == "en":
        headings = await page.js(TEXT_OF.format("h2, nav a, .bar button, dt, th"))
        assert [text for text in headings if re.search(r"[\u4e00-\u9fff]", text)] == ["中文"]


async def test_it_prints_on_two_pages_at_most_in_the_colours_of_paper(page: Page, site: Site) -> None:
    await sign_in(page, site, theme="dark")
    await page.js("addEventListener('beforeprint', () => { window.printed = document.documentElement.dataset.theme; })")
    printed = await page.pdf()
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
    assert await page.js("window.printed") == "light"
    assert await page.js("document.documentElement.dataset.theme") == "dark"
    await shot(page, "board-dark")
