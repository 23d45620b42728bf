import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.core import migrate
from tests.support.database import Clone
from tests.support.pooler import service_url

RECTIFY = str(Path(sys.executable).with_name("rectify"))


@pytest.fixture
def var() -> Iterator[Path]:
    # Not pytest's own folder: it is 0700, and as root the embedded server runs under another account.
    with tempfile.TemporaryDirectory(prefix="rectify-cli-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "var"


def environment(var: Path, **more: str) -> dict[str, str]:
    found = {**os.environ, "RECTIFY_VAR": str(var), "PORT": "0", **more}
    pooled = service_url(found.get("DATABASE_URL", ""))
    return (
        found
        if pooled == found.get("DATABASE_URL", "")
        else {**found, "DATABASE_URL": pooled, "RECTIFY_PREPARED": "off"}
    )


def rectify(var: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RECTIFY, *arguments],
        env=environment(var, **more),
        cwd=var.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def serving(var: Path, **more: str) -> Iterator[str]:
    """A service until the block ends, and its address as told on its standard output; it must leave in good order."""
    process = subprocess.Popen(
        [RECTIFY, "serve"], env=environment(var, **more), cwd=var.parent, text=True, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        try:
            yield found.group()
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
    assert code == 0


def test_a_service_without_any_database_brings_its_own_and_takes_it_down_again(var: Path) -> None:
    for _ in range(2):
        with serving(var) as url:
            assert httpx2.get(f"{url}/livez").status_code == 200
            ready = httpx2.get(f"{url}/readyz")
            assert ready.status_code == 200, ready.text
            assert (var / "pg/data/postmaster.pid").exists()
        assert not (var / "pg/data/postmaster.pid").exists()


def test_a_configured_database_is_never_migrated_by_serving_it(var: Path, empty_database: Clone) -> None:
    addresses = {"DATABASE_URL": empty_database.app_url, "RECTIFY_MIGRATE_URL": empty_database.superuser_url}
    with serving(var, **addresses) as url:
        before = httpx2.get(f"{url}/readyz")
        assert (before.status_code, before.json()["code"]) == (503, "migrations_pending")
        assert httpx2.get(f"{url}/livez").status_code == 200
        assert rectify(var, "migrate", **addresses).stdout == f"schema: {migrate.head()}\n"
        # Readiness follows within seconds, and without a restart: the process looks for its keys once a second.
        until = time.monotonic() + 10
        while (after := httpx2.get(f"{url}/readyz")).status_code != 200:
            assert after.json()["code"] == "unavailable"
            assert time.monotonic() < until, after.text
            time.sleep(0.1)
    assert not (var / "pg").exists()


def test_a_taken_port_is_named_before_anything_is_started(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = rectify(var, "serve", PORT=str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not var.exists()


@pytest.mark.parametrize(
    "wrong", [{"PORT": "eighty"}, {"DATABASE_URL": "mysql://u@h/d"}, {"RECTIFY_PREPARED": "maybe"}]
)
def test_a_wrong_setting_is_one_line_and_not_a_traceback(var: Path, wrong: dict[str, str]) -> None:
    done = rectify(var, "doctor", **wrong)
    assert done.returncode == 1
    assert next(iter(wrong)).removeprefix("RECTIFY_").lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_a_state_directory_that_cannot_be_made_is_named_in_one_line(var: Path) -> None:
    var.touch()
    done = rectify(var, "serve", PORT="0")
    assert done.returncode == 1
    assert str(var) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_approves_of_a_migrated_database_with_separated_roles(var: Path, database: Clone) -> None:
    done = rectify(var, "doctor", DATABASE_URL=database.app_url)
    assert done.returncode == 0, done.stdout
    verdicts = dict(re.findall(r"^(?:ok|warn|fail) +(\w+) +()", done.stdout, re.MULTILINE))
    assert verdicts.keys() >= {"python", "var", "database", "version", "roles", "connections", "clock", "migrations"}
    assert re.search(r"^ok +roles", done.stdout, re.MULTILINE)


def test_hosts_that_mean_nothing_are_one_line_to_whoever_starts_the_service(var: Path, database: Clone) -> None:
    wrong = {"DATABASE_URL": database.app_url, "RECTIFY_WEBHOOK_HOSTS": "oa.example.gov.cn,1.2.3"}
    done = rectify(var, "serve", PORT="0", **wrong)
    assert done.returncode == 1
    assert "RECTIFY_WEBHOOK_HOSTS: 1.2.3" in done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(
        r"^fail +webhooks +RECTIFY_WEBHOOK_HOSTS: 1\.2\.3", rectify(var, "doctor", **wrong).stdout, re.MULTILINE
    )


def test_the_doctor_says_what_to_do_about_what_it_finds(var: Path, empty_database: Clone) -> None:
    pending = rectify(var, "doctor", DATABASE_URL=empty_database.superuser_url)
    assert pending.returncode == 1
    assert re.search(r"^fail +migrations .*rectify migrate", pending.stdout, re.MULTILINE)
    assert re.search(r"^warn +roles .*docs/dba\.sql", pending.stdout, re.MULTILINE)
    greedy = rectify(var, "doctor", DATABASE_URL=empty_database.app_url, RECTIFY_POOL_SIZE="195")
    assert re.search(r"^fail +connections", greedy.stdout, re.MULTILINE)
    nobody = rectify(var, "doctor", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/r")
    assert re.search(r"^fail +database +not reachable", nobody.stdout, re.MULTILINE)
    assert "hunter2" not in nobody.stdout + nobody.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_run_starts_the_demo_from_the_environment_it_has_made() -> None:
    root = Path(__file__).resolve().parents[2]
    make = shutil.which("make") or ""
    done = subprocess.run(
        [make, "--dry-run", "--no-print-directory", "run"], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].endswith("rectify serve --demo")
