"""A service on a port with a small ledger in it, and a browser that opens its pages."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core import clock
from app.demo.client import Caller
from app.main import create_app
from app.trail.positions import assign_positions
from app.trail.seal import Sealer
from tests.make.world import World, case, world_of
from tests.support.chromium import NEEDED, Page, browser
from tests.support.database import Clone, Server, clone
from tests.support.hearing import listening
from tests.support.service import settings_for

WALL, PHONE = (1920, 1080), (390, 844)
CANARY = "白鹭洲头无归舟"


@dataclass
class Site:
    """The organisation behind the pages and where they are."""

    world: World
    url: str
    secret: dict[str, Any]
    var: Path

    def password(self, username: str) -> str:
        return self.world.made.passwords[username]

    async def api(self, username: str) -> Caller:
        return await self.world.as_(username)

    async def dashboard(self, username: str) -> dict[str, Any]:
        found: dict[str, Any] = await (await self.api(username)).get("/dashboard")
        return found

    async def seal(self) -> None:
        await assign_positions(self.world.db)
        sealer = Sealer(self.world.db, self.var)
        await sealer.run(at_once=True)
        await sealer.stop()


@pytest.fixture(scope="module")
def site_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="module")
async def site(site_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    var = tmp_path_factory.mktemp("browser")
    app = create_app(settings_for(site_database.app_url, var), works=True)
    async with listening(app) as (url, _):
        world = await world_of(app)
        for state in ("registered", "planning", "rectifying", "verifying"):
            await world.item(state)
        await world.item("closed", lead="finance")
        late = {"text": "本月底前", "kind": "date", "date": clock.today().isoformat()}
        await world.item("rectifying", lead="safety", deadline=late)
        restricted = case(confidentiality="restricted", title=CANARY, description=CANARY)
        yield Site(world, url, await world.item("rectifying", of=restricted), var)
        await world.made.close()


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    async with browser() as tab:
        await tab.size(*WALL)
        yield tab
        assert [one for one in tab.complaints if "401" not in one and "404" not in one] == []
        strangers = {address for address in tab.asked if not address.startswith((site.url, "data:", "about:"))}
        assert strangers == set()


async def sign_in(page: Page, site: Site, username: str = "supervision_office", *, theme: str = "light") -> None:
    """As a person does it: types and presses Enter."""
    await page.open(f"{site.url}/")
    await page.until("document.getElementById('password')")
    await page.js(f"localStorage.setItem('rectify-theme', '{theme}')")
    for name, text in (("username", username), ("password", site.password(username))):
        await page.js(f"document.getElementById('{name}').focus()")
        await page.type(text)
    await page.press("Enter")
    await shown(page, "board")


async def shown(page: Page, name: str) -> None:
    await page.until(f"document.querySelector('main')?.dataset.shown === '{name}'", seconds=20)


async def go(page: Page, address: str, name: str) -> None:
    """To another page by its address."""
    await page.js("document.querySelector('main').dataset.shown = ''")
    await page.js(f"location.hash = '{address}'")
    await shown(page, name)


async def shot(page: Page, name: str, *, whole: bool = False) -> None:
    """A picture for people to look at, where RECTIFY_TEST_SHOTS names a folder for them."""
    folder = os.environ.get("RECTIFY_TEST_SHOTS")
    if folder:
        await page.screenshot(Path(folder) / f"{name}.png", whole=whole)


__all__ = ["CANARY", "NEEDED", "PHONE", "WALL", "Site", "go", "shot", "shown", "sign_in"]
