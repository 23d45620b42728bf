"""Debian's Chromium without a window, spoken to in its own protocol (CDP) over the web socket it opens."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

BINARY = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
NEEDED = pytest.mark.skipif(
    BINARY is None, reason="需要 Chromium needs Chromium: apt-get install chromium fonts-noto-cjk, or `make browser`"
)
_FLAGS = (
    "--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--mute-audio",
    "--font-render-hinting=none", "--force-color-profile=srgb", "--lang=zh-CN", "--accept-lang=zh-CN",
    # The pages under test are this project's own, and as root there is no other way.
    "--no-sandbox",
)  # fmt: skip


@dataclass
class Page:
    """One tab; `asked` holds the address of everything it has loaded, `complaints` what it wrote to its console."""

    socket: ClientConnection
    session: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _last: int = 0
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    reader: asyncio.Task[None] | None = None

    async def read(self) -> None:
        async for text in self.socket:
            told = json.loads(text)
            if "id" in told:
                waiting = self._waiting.pop(told["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
            elif told["method"] == "Network.requestWillBeSent":
                self.asked.append(told["params"]["request"]["url"])
            elif told["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(told["params"]["exceptionDetails"]))
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.complaints.append(f"{told['params']['entry']['text']} {told['params']['entry'].get('url', '')}")

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        number = self._last
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send(json.dumps(message))
        async with asyncio.timeout(30):
            told = await waiting
        assert "error" not in told, (method, told["error"])
        result: dict[str, Any] = told["result"]
        return result

    async def js(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, condition: str, seconds: float = 10.0) -> None:
        """Waits until an expression is true in the page."""
        for _ in range(int(seconds / 0.05)):
            if await self.js(f"Boolean({condition})"):
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"the page never came to {condition}: {await self.js('document.body.innerText.slice(0, 600)')}")

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def size(self, width: int, height: int, *, phone: bool = False) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )  # fmt: skip

    async def press(self, key: str) -> None:
        code = {"Tab": 9, "Enter": 13}[key]
        text = "\r" if key == "Enter" else ""
        for kind in ("keyDown", "keyUp"):
            await self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )  # fmt: skip

    async def type(self, text: str) -> None:
        await self.command("Input.insertText", text=text)

    async def screenshot(self, path: Path, *, whole: bool = False) -> Path:
        told = await self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(told["data"]))
        return path

    async def pdf(self) -> bytes:
        told = await self.command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(told["data"])


@asynccontextmanager
async def browser(flags: Sequence[str] = ()) -> AsyncIterator[Page]:
    """A fresh browser with one empty tab and no memory."""
    assert BINARY is not None
    with tempfile.TemporaryDirectory(prefix="rectify-chromium-", ignore_cleanup_errors=True) as folder:
        command = [BINARY, *_FLAGS, *flags, f"--user-data-dir={folder}", "about:blank"]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
        try:
            async with connect(await _address(Path(folder)), max_size=2**26, proxy=None) as socket:
                page = await _tab(socket)
                yield page
                reading = page.reader
            if reading is not None:
                await asyncio.gather(reading, return_exceptions=True)
        finally:
            process.kill()
            await process.wait()


async def _address(folder: Path) -> str:
    told = folder / "DevToolsActivePort"
    for _ in range(300):
        lines = told.read_text().split() if told.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.1)
    pytest.fail("Chromium did not start")


async def _tab(socket: ClientConnection) -> Page:
    page = Page(socket, "")
    # The reading task lives as long as the connection it reads from.
    page.reader = asyncio.create_task(page.read())
    target = (await page.command("Target.createTarget", url="about:blank"))["targetId"]
    page.session = (await page.command("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        await page.command(f"{domain}.enable")
    return page
