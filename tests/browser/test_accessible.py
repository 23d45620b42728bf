"""For everybody: no finding of axe-core, and everything within reach of the keyboard."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.browser.conftest import NEEDED, PHONE, WALL, Site, go, shot, shown, sign_in
from tests.support.chromium import Page

pytestmark = NEEDED

FOUND = """
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then((told) => told.violations.map(
  (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`))
"""


def axe() -> str:
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


async def faults(page: Page) -> list[str]:
    await page.js(f"{axe()}; true")
    found: list[str] = await page.js(FOUND)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WALL, PHONE], ids=["wall", "phone"])
async def test_axe_finds_nothing_on_any_page(page: Page, site: Site, theme: str, size: tuple[int, int]) -> None:
    await page.size(*size, phone=size == PHONE)
    await page.open(f"{site.url}/")
    await page.until("document.getElementById('password')")
    assert await faults(page) == []
    await sign_in(page, site, theme=theme)
    await page.open("about:blank")
    await page.open(f"{site.url}/")
    await shown(page, "board")
    assert await page.js("document.documentElement.dataset.theme") == theme
    assert await faults(page) == []
    await shot(page, f"board-{theme}-{size[0]}", whole=size == PHONE)
    await page.js("document.querySelectorAll('.panel-head button').forEach((one) => one.click())")
    assert await faults(page) == []
    for address, name in (("#/items?overdue=false", "items"), (f"#/items/{site.secret['id']}", "item")):
        await go(page, address, name)
        assert await faults(page) == []
        await shot(page, f"{name}-{theme}-{size[0]}", whole=size == PHONE)


async def test_axe_is_able_to_find_something(page: Page, site: Site) -> None:
    await page.open(f"{site.url}/")
    await page.until("document.getElementById('password')")
    await page.js("document.querySelector('main').append(document.createElement('input'))")
    assert any(found.startswith("label") for found in await faults(page))


async def test_the_keyboard_reaches_the_content_and_everything_in_it(page: Page, site: Site) -> None:
    await sign_in(page, site)
    await page.open("about:blank")
    await page.open(f"{site.url}/")
    await shown(page, "board")
    await page.press("Tab")
    assert await page.js("document.activeElement.id") == "skip"
    await page.press("Enter")
    assert await page.js("document.activeElement.id") == "main"
    await page.press("Tab")
    assert await page.js("document.activeElement.dataset.metric") == "due_base"
    assert await page.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.press("Enter")
    await shown(page, "items")
    unreachable = (
        "[...document.querySelectorAll('[onclick], canvas, .tile, .light, .rate, .late-item')]"
        ".filter((one) => one.tagName !== 'CANVAS' && one.tabIndex < 0).length"
    )
    assert await page.js(unreachable) == 0
