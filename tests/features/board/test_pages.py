"""The files of the pages: open, strict, complete, and from nowhere else."""

from __future__ import annotations

import gzip
import re

import httpx2
import pytest

from app.features.board.assets import ECHARTS, NAMES, OWN, asset, echarts
from app.features.board.router import POLICY


async def test_the_page_is_open_and_holds_nothing(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


async def test_every_file_the_page_and_its_modules_name_is_there(client: httpx2.AsyncClient) -> None:
    named = set(re.findall(r'"board/([\w.]+)"', (OWN / "index.html").read_text(encoding="utf-8")))
    for path in OWN.glob("*.js"):
        named |= set(re.findall(r'(?:from|import\() ?"\./([\w.]+)"', path.read_text(encoding="utf-8")))
    assert len(named) > 10
    for name in named:
        answer = await client.get(f"/board/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert named | {"index.html"} == NAMES


async def test_a_file_is_sent_once_and_packed(client: httpx2.AsyncClient) -> None:
    packed = await client.get(f"/board/{ECHARTS}", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(asset(ECHARTS).zipped) == packed.content == echarts().read_bytes()
    plain = await client.get("/board/main.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    again = await client.get("/board/main.js", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2frouter.py", "router.py", "%2e%2e/assets.py", "index.html%00"])
async def test_nothing_else_is_sent(client: httpx2.AsyncClient, name: str) -> None:
    assert (await client.get(f"/board/{name}")).status_code == 404


def test_no_file_of_ours_names_another_host() -> None:
    strangers = {
        (path.name, found)
        for path in OWN.iterdir()
        for found in re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"']*""", path.read_text(encoding="utf-8"))
    }
    assert strangers == {("dom.js", "http://www.w3.org/2000/svg"), ("icon.svg", "http://www.w3.org/2000/svg")}


def test_no_markup_is_ever_made_from_text() -> None:
    for path in OWN.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path.name
        )


def test_the_files_keep_to_the_size_of_the_house() -> None:
    assert {path.name for path in OWN.iterdir() if len(path.read_text(encoding="utf-8").splitlines()) > 400} == set()


def test_the_chart_library_is_apache_echarts_as_published() -> None:
    text = echarts().read_text(encoding="utf-8")
    assert "Licensed to the Apache Software Foundation" in text[:400]
    assert re.search(r'"6\.\d+\.\d+"', text)
    assert re.search(r"export ?\{", text)


def test_every_word_is_there_in_both_languages() -> None:
    text = (OWN / "i18n.js").read_text(encoding="utf-8")
    words = dict(re.findall(r'^  (\w+): \["(.*)", ".*"\],$', text, re.MULTILINE))
    assert len(words) > 100
    used: set[str] = set()
    for path in OWN.glob("*.js"):
        used |= set(re.findall(r'\bt\("(\w+)"', path.read_text(encoding="utf-8")))
    assert used
    assert used <= words.keys()
    every = "".join(path.read_text(encoding="utf-8") for path in OWN.glob("*.js") if path.name != "i18n.js")
    spoken = (
        used
        | set(re.findall(r'"(\w+)"', every))
        | {f"light_{lamp}" for lamp in ("red", "yellow", "blue", "green", "grey")}
    )
    assert words.keys() - spoken == set()
