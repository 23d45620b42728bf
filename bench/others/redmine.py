"""Redmine as Debian packages it, run by Puma from a copy of its tree; its own migrations make the schema.

A manager of the only project asks, by an API key. In its favour no mail is rendered and the log keeps warnings only.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from bench import load
from bench.load import Work
from bench.others.ground import (
    COUNTED_LIST,
    PAGE,
    READ,
    WRITE,
    Address,
    Served,
    Size,
    done,
    insert,
    make_database,
    running,
    vacuum,
)

INSTALLED: Final = Path("/usr/share/redmine")
PACKAGES: Final = "redmine redmine-pgsql puma"
WORKERS, THREADS = 2, 2
"""What did best on two cores: a process each, and a second thread for while the first waits for the database."""
IN_PROGRESS, FEEDBACK = 2, 4
"""Of the states its default data have: the one taken, and the one that is listed."""
_PUMA: Final = f"""
environment "production"
workers {WORKERS}
threads {THREADS}, {THREADS}
preload_app!
quiet
"""
_ROWS: Final = Path(__file__).with_suffix(".sql")


class Redmine:
    name = "Redmine"
    moved = f"SELECT count(*) FROM journal_details WHERE prop_key = 'status_id' AND value = '{IN_PROGRESS}'"  # noqa: S608
    pairs = False
    package, server = "redmine", f"Puma, {WORKERS} processes of {THREADS} threads"

    def __init__(self, superuser: str, folder: Path, size: Size, seed: int) -> None:
        self.superuser, self.folder, self.size, self.seed = superuser, folder / "redmine", size, seed
        self.url, self.key = "", secrets.token_hex(20)

    @staticmethod
    def missing() -> str | None:
        """The packages to install, if any is absent."""
        found = (INSTALLED / "config.ru").exists() and shutil.which("puma") and shutil.which("bundle")
        return None if found else PACKAGES

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "RAILS_ENV": "production", "REDMINE_INSTANCE": "bench", "REDMINE_LANG": "en", "TZ": "UTC",
                "BUNDLE_SILENCE_ROOT_WARNING": "1", "SCHEMA": str(self.folder / "schema.rb")}  # fmt: skip

    def prepare(self) -> None:
        address = asyncio.run(make_database(self.superuser, "redmine"))
        self.url = address.url()
        self._lay_out(address)
        for task in ("db:migrate", "redmine:load_default_data"):
            done(["bundle", "exec", "rake", task], self.folder, self.environment)
        asyncio.run(insert(self.url, self.size, _ROWS.read_text(encoding="utf-8"), key=self.key))
        asyncio.run(vacuum(self.superuser, address.name))

    def _lay_out(self, address: Address) -> None:
        """Its tree looks for its settings beside itself, and these belong to whoever runs it on this machine."""
        skipped = shutil.ignore_patterns("instances", "Gemfile.lock", "database.yml")
        shutil.copytree(INSTALLED, self.folder, ignore=skipped, symlinks=True)
        gems = self.folder / "Gemfile"
        gems.write_text(gems.read_text(encoding="utf-8").replace(str(INSTALLED), str(self.folder)), encoding="utf-8")
        told = {"adapter": "postgresql", "database": address.name, "host": address.directory, "port": int(address.port),
                "username": address.name, "password": address.password, "encoding": "utf8", "pool": 2 * THREADS}  # fmt: skip
        instance = self.folder / "instances" / "bench"
        for place in ("config", "log", "tmp", "files"):
            (instance / place).mkdir(parents=True)
        for path, text in (
            (self.folder / "config" / "database.yml", json.dumps({"production": told})),
            (instance / "config" / "database.yml", json.dumps({"production": told})),
            (instance / "config" / "secret_key.txt", secrets.token_hex(40)),
            (self.folder / "config" / "additional_environment.rb", "config.log_level = :warn\n"),
            (self.folder / "Gemfile.local", 'gem "puma"\n'),
            (self.folder / "puma.rb", _PUMA),
        ):
            path.write_text(text, encoding="utf-8")

    def serving(self) -> AbstractContextManager[Served]:
        port = load.free_port()
        command = ["bundle", "exec", "puma", "-C", "puma.rb", "-b", f"tcp://127.0.0.1:{port}"]
        return running(command, port, self.folder, self.environment)

    def work(self, kind: str, port: int, share: range) -> Work | None:
        known = {"X-Redmine-API-Key": self.key}
        if kind == WRITE:
            body = json.dumps({"issue": {"status_id": IN_PROGRESS}})
            return Work(port, [f"/issues/{number}.json" for number in share], body=body, method="PUT", headers=known)
        if kind == READ:
            numbers = self.size.read(self.seed)
            return Work(port, [f"/issues/{number}.json?include=journals" for number in numbers], headers=known)
        if kind == COUNTED_LIST:
            return None
        asked = {"status_id": FEEDBACK, "sort": "due_date", "limit": PAGE}
        return Work(port, [f"/issues.json?{urlencode(asked)}"], headers=known)

    def entries(self, kind: str, answers: Sequence[Any]) -> int:
        return len(answers[0]["issue"]["journals"] if kind == READ else answers[0]["issues"])
