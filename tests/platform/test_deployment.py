import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.database import Server, execute

ROOT = Path(__file__).resolve().parents[2]


def instructions(name: str) -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_image_is_built_from_slim_python_and_hashed_packages() -> None:
    found = instructions("Dockerfile")
    known = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in found} <= known
    assert {argument.split()[0] for name, argument in found if name == "FROM"} == {"python:3.11-slim"}
    installs = re.findall(r"pip install ([^&]*)", " ".join(argument for name, argument in found if name == "RUN"))
    assert installs
    assert all("--require-hashes" in install or "--no-deps" in install for install in installs)


def test_the_image_never_runs_as_root_and_can_be_asked_for_its_health() -> None:
    found = instructions("Dockerfile")
    last = found[max(n for n, (name, _) in enumerate(found) if name == "FROM") :]
    order = [name for name, _ in last]
    assert dict(last)["USER"] == "rectify"
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["rectify"]
    assert json.loads(dict(last)["CMD"]) == ["serve"]
    assert "/livez" in dict(last)["HEALTHCHECK"]


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line.startswith("!")}
    sources = [
        source
        for name, argument in instructions("Dockerfile")
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    ]
    assert set(sources) == kept
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_compose_migrates_a_healthy_database_before_it_serves() -> None:
    services = compose()["services"]
    image, _, version = services["database"]["image"].partition(":")
    assert image == "postgres"
    assert int(version) >= 16
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["migrate"]["command"] == ["migrate"]
    assert services["service"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["service"]["command"] == ["serve"]
    assert "/readyz" in str(services["service"]["healthcheck"]["test"])
    assert services["migrate"]["image"] == services["service"]["image"]


def test_compose_holds_no_password_and_serves_as_the_role_that_owns_nothing() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert re.findall(r"PASSWORD: (?!\$\{\w+:\?)", text) == []
    environment = compose()["services"]["service"]["environment"]
    assert urlsplit(environment["DATABASE_URL"]).netloc.startswith("rectify_app:")
    assert "RECTIFY_MIGRATE_URL" not in environment
    assert set(compose()["volumes"]) == {"database", "state"}


@pytest.mark.skipif(not (shutil.which("psql") and shutil.which("make")), reason="needs psql on this machine")
def test_the_script_for_the_database_administrator_prepares_a_server(server: Server) -> None:
    """Run under other names, because roles belong to the whole server and the tests use the real ones."""
    mark = server.prefix.strip("_")
    names = {name: f"{name}_{mark}" for name in ("rectify_owner", "rectify_migrate", "rectify_app")}
    text = (ROOT / "docs/dba.sql").read_text(encoding="utf-8")
    for name, other in names.items():
        text = text.replace(name, other)
    database = f"{server.prefix}dba"
    text = re.sub(r"DATABASE rectify\b", f"DATABASE {database}", text).replace("'rectify'", f"'{database}'")
    command = ["psql", "--no-psqlrc", "--quiet", server.superuser("postgres")]
    environment = {**os.environ, "RECTIFY_APP_PASSWORD": "apps", "RECTIFY_MIGRATE_PASSWORD": "migrates"}
    try:
        refused = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        assert "RECTIFY_APP_PASSWORD is not set" in refused.stderr
        for _ in range(2):
            subprocess.run(command, input=text, text=True, capture_output=True, check=True, env=environment)
        owner = names["rectify_owner"]
        place = urlsplit(server.superuser(database))
        login = f"postgresql://{names['rectify_migrate']}:migrates@{place.netloc.rpartition('@')[2]}{place.path}?{place.query}"
        _as_owner(login, owner)
    finally:
        server.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        for other in names.values():
            server.execute(f'DROP ROLE IF EXISTS "{other}"')


def _as_owner(login: str, owner: str) -> None:
    import asyncio

    import asyncpg

    asyncio.run(execute(login, f"SET ROLE {owner}; CREATE TABLE made (id int)"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(execute(login, "CREATE TABLE not_mine (id int)"))


def test_ci_calls_the_command_the_readme_names() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "make check" in script.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = re.search(r"^check:.*\n\t(.*)$", makefile, re.MULTILINE)
    assert check is not None
    assert check.group(1).endswith("test")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
