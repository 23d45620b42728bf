"""Request Tracker 5 as Debian packages it, asked through REST 2; its own set-up program makes the schema.

A privileged user with rights over the only queue asks. In its favour a password costs the least bcrypt knows, since by
default hashing it anew with every request takes longer than all the rest; nobody gets mail; the log keeps warnings only.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from base64 import b64encode
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

INSTALLED: Final = Path("/usr/share/request-tracker5")
SETUP: Final = Path("/usr/sbin/rt-setup-database-5")
NEEDED: Final = (
    SETUP,
    INSTALLED / "libexec" / "rt-server",
    INSTALLED / "etc" / "schema.Pg",
    Path("/usr/share/perl5/Plack/Handler/Starlet.pm"),
)
PACKAGES: Final = "request-tracker5 rt5-db-postgresql starlet"
WORKERS: Final = 4
"""What did best on two cores; a process serves one request and then whoever comes next, since it holds a connection alone."""
_FIELDS: Final = "Subject,Status,Priority,Due,Created,LastUpdated,Owner"
_ENTRY: Final = "Type,Field,OldValue,NewValue,Created,Creator"
_SETTINGS: Final = """
Set($rtname, 'bench');
Set($Organization, 'bench.invalid');
Set($Timezone, 'UTC');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {web});
Set($DatabaseType, 'Pg');
Set($DatabaseHost, '{at.directory}');
Set($DatabasePort, '{at.port}');
Set($DatabaseName, '{at.name}');
Set($DatabaseUser, '{at.name}');
Set($DatabasePassword, '{at.password}');
Set($BcryptCost, 4);
Set($HTMLFormatter, 'core');
Set($MailCommand, 'testfile');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
$RT::VarPath = '{folder}';
$RT::MasonDataDir = '{folder}/mason';
1;
"""
_USER: Final = """
@Users = ({{Name => 'bench', Privileged => 1, Password => '{password}'}});
@ACL = map {{ +{{GroupDomain => 'SystemInternal', GroupType => 'Privileged', Queue => 'General', Right => $_}} }}
  qw(SeeQueue ShowTicket ModifyTicket);
1;
"""
_ROWS: Final = Path(__file__).with_suffix(".sql")


class Tracker:
    name = "Request Tracker"
    moved = "SELECT count(*) FROM transactions WHERE objecttype = 'RT::Ticket' AND type = 'Status'"
    pairs = True
    package, server = "request-tracker5", f"Starlet, {WORKERS} processes"

    def __init__(self, superuser: str, folder: Path, size: Size, seed: int) -> None:
        self.superuser, self.folder, self.size, self.seed = superuser, folder / "rt", size, seed
        self.url, self.password, self.port = "", secrets.token_hex(16), load.free_port()

    @staticmethod
    def missing() -> str | None:
        """The packages to install, if any is absent."""
        return None if all(path.exists() for path in NEEDED) else PACKAGES

    @property
    def environment(self) -> dict[str, str]:
        told = {"RT_SITE_CONFIG": str(self.folder / "site.pm"), "RT_SITE_CONFIG_DIR": str(self.folder / "conf.d")}
        return {**os.environ, **told, "TZ": "UTC"}

    def prepare(self) -> None:
        address = asyncio.run(make_database(self.superuser, "rt"))
        self.url = address.url()
        self._lay_out(address)
        login = ["--dba", address.name, "--dba-password", address.password]
        for told in (["init", "--skip-create", "--datadir", str(INSTALLED / "etc")], ["insert", "--datafile", "user"]):
            done([str(SETUP), *login, "--action", *told], self.folder, self.environment)
        asyncio.run(insert(self.url, self.size, _ROWS.read_text(encoding="utf-8")))
        asyncio.run(vacuum(self.superuser, address.name))

    def _lay_out(self, address: Address) -> None:
        (self.folder / "conf.d").mkdir(parents=True)
        (self.folder / "mason").mkdir()
        (self.folder / "user").write_text(_USER.format(password=self.password), encoding="utf-8")
        settings = _SETTINGS.format(at=address, web=self.port, folder=self.folder)
        (self.folder / "site.pm").write_text(settings, encoding="utf-8")

    def serving(self) -> AbstractContextManager[Served]:
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--max-workers", str(WORKERS)]
        lasting = ["--max-reqs-per-child", "1000000", "--max-keepalive-reqs", "1"]
        command = [str(INSTALLED / "libexec" / "rt-server"), "--server", "Starlet", *options, *lasting]
        return running(command, self.port, self.folder, self.environment)

    def work(self, kind: str, port: int, share: range) -> Work | None:
        login = f"Basic {b64encode(f'bench:{self.password}'.encode()).decode()}"
        ticket = "/REST/2.0/ticket"
        if kind == WRITE:
            return Work(port, [f"{ticket}/{number}" for number in share], login, json.dumps({"Status": "open"}), "PUT")
        if kind == READ:
            asked = urlencode({"fields": _ENTRY, "per_page": PAGE})
            pairs = (
                (f"{ticket}/{number}", f"{ticket}/{number}/history?{asked}") for number in self.size.read(self.seed)
            )
            return Work(port, [path for pair in pairs for path in pair], login)
        if kind == COUNTED_LIST:
            return None
        asked = urlencode({"query": "Status = 'stalled'", "orderby": "Due", "per_page": PAGE, "fields": _FIELDS})
        return Work(port, [f"{ticket}s?{asked}"], login)

    def entries(self, kind: str, answers: Sequence[Any]) -> int:
        return len(answers[1 if kind == READ else 0]["items"])
