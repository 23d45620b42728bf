"""A service with the demonstration, for as long as clients are tried on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from clients.tools import ROOT, FailedError

USERNAME: Final = "supervision_office"
_PATIENCE: Final = 300
_READY: Final = "文档 API documents"


@contextmanager
def demonstration() -> Iterator[dict[str, str]]:
    """Starts `rectify serve --demo` on a free port with data of its own; gives what the example programs read."""
    folder = Path(tempfile.mkdtemp(prefix="rectify-clients-"))
    folder.chmod(0o711)
    var, said = folder / "var", folder / "said.txt"
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("RECTIFY_", "DATABASE_"))}
    command = [str(Path(sys.executable).with_name("rectify")), "serve", "--demo", "--port", "0"]
    with said.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=settings | {"RECTIFY_VAR": str(var)}, stdout=out, stderr=out)
    try:
        yield _told(server, said, var)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _told(server: subprocess.Popen[bytes], said: Path, var: Path) -> dict[str, str]:
    end = time.monotonic() + _PATIENCE
    while _READY not in said.read_text(encoding="utf-8"):
        if server.poll() is not None or time.monotonic() > end:
            raise FailedError(said.read_text(encoding="utf-8")[-3000:])
        time.sleep(0.5)
    demo = json.loads((var / "demo.json").read_text(encoding="utf-8"))
    password = next(account["password"] for account in demo["accounts"] if account["username"] == USERNAME)
    return {"RECTIFY_URL": demo["base_url"], "RECTIFY_USERNAME": USERNAME, "RECTIFY_PASSWORD": password}
