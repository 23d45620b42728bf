"""`rectify`: everything an operator does from a shell."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr, ValidationError

from app import cli_export, cli_trail
from app.cli_keys import keys_commands
from app.settings import Settings

cli = typer.Typer(
    help="整改台账 rectification-ledger", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
cli_trail.register(cli)


def main() -> None:
    """The console script; refusals that a person can act on are one line and not a traceback."""
    import asyncpg

    from app.core.errors import Problem
    from app.core.outgoing import WrongHostError
    from app.core.postgres_host import EmbeddedError
    from app.core.serving import PortTakenError

    try:
        cli()
    except EmbeddedError as error:
        _refuse("内置数据库无法启动 the embedded database does not start", str(error))
    except Problem as problem:
        faults = "; ".join(f"{fault.detail.zh} {fault.detail.en}" for fault in problem.faults)
        _refuse(f"{problem.kind.title.zh} {problem.kind.title.en}", faults or problem.code)
    except asyncpg.UndefinedTableError:
        _refuse("数据库尚未升级 the database is not migrated", "rectify migrate")
    except (asyncpg.PostgresConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        _refuse("数据库无法连接 the database cannot be reached", str(error))
    except PortTakenError as error:
        _refuse("端口被占用，请设置 PORT the port is taken, set PORT", str(error))
    except OSError as error:
        if error.filename is None:
            _refuse("数据库无法连接 the database cannot be reached", str(error))
        _refuse("文件或目录不可用 a file or directory cannot be used", f"{error.filename}: {error.strerror}")
    except WrongHostError as error:
        _refuse("配置有误 wrong setting", f"RECTIFY_WEBHOOK_HOSTS: {error}")
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        _refuse("配置有误 wrong setting", wrong)


def _refuse(what: str, why: str) -> None:
    typer.echo(f"{what}: {why}", err=True)
    # To whoever asked for an audit, 1 says that something was changed; what could not be looked at says nothing.
    raise SystemExit(2 if sys.argv[1:2] == ["audit"] else 1)


def _settings() -> Settings:
    from app.core import logs

    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    return settings


@contextmanager
def _database(settings: Settings, *, migrated: bool) -> Iterator[Settings]:
    """Settings that name a database: the configured one, or the embedded one for as long as the block runs.

    `migrated` brings a configured database up to date as well; the embedded one always is.
    """
    from app.core.embedded_postgres import start, watched
    from app.core.migrate import migrate as bring_up_to_date

    if settings.database_url is not None:
        if migrated:
            bring_up_to_date(settings.migrate_dsn())
        yield settings
        return
    embedded = start(settings.var)
    try:
        bring_up_to_date(embedded.migrate_url)
        urls = {"database_url": SecretStr(embedded.app_url), "migrate_url": SecretStr(embedded.migrate_url)}
        with watched(embedded):
            yield settings.model_copy(update=urls)
    finally:
        embedded.stop()


@contextmanager
def _opened() -> Iterator[Settings]:
    """For commands that look at what is there."""
    with _database(_settings(), migrated=False) as ready:
        yield ready


cli_export.register(cli, _opened)


@cli.command()
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="迁移并写入演示数据 migrate, and fill an empty ledger")] = False,
    port: Annotated[int | None, typer.Option(help="默认 PORT 或 8000 defaults to PORT, else 8000")] = None,
) -> None:
    """启动服务 serve the API; a configured database is migrated by `rectify migrate`, or here when --demo asks."""
    from app.core import serving
    from app.main import create_app, leave

    serving.stop_on_signals()
    settings = _settings()
    bound = serving.bind(settings.host, settings.port if port is None else port)
    with _database(settings, migrated=demo) as ready:
        if demo:
            asyncio.run(_seed(ready))
        asyncio.run(_hold_keys(ready))
        url = serving.address(bound)
        app = create_app(ready, works=ready.worker)
        serving.serve(app, bound, lambda: _announce(ready.var, url, demo=demo), lambda: leave(app))


async def _hold_keys(settings: Settings) -> None:
    """Before anything is served, so that a wrong key is one line and not a traceback of the server's."""
    from app.core.db import Database
    from app.main import NOT_YET
    from app.trail.keys import WrongKeyError, hold

    database = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared)
    try:
        await hold(database, settings.var)
    except WrongKeyError as error:
        place = settings.var / "keys"
        _refuse(
            "密钥不符，请放回原来的密钥文件 this is not the key the ledger has in force, put the original back",
            f"{place}/{error.name}*.key",
        )
    except PermissionError:
        raise
    except NOT_YET:
        return  # it answers 503 until the database is there and migrated
    finally:
        await database.close()


async def _seed(settings: Settings) -> None:
    from app.demo import seed
    from app.main import create_app

    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await seed(app, settings)


def _announce(var: Path, url: str, *, demo: bool) -> None:
    from app.core.postgres_host import write_private

    typer.echo(f"整改台账 rectification-ledger: {url}   文档 API documents: {url}/docs")
    described = var / "demo.json"
    if not (demo and described.is_file()):
        return
    told: dict[str, Any] = json.loads(described.read_text(encoding="utf-8"))
    if told.get("base_url") != url:
        told["base_url"] = url
        write_private(described, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    typer.echo(f"演示账号 demo accounts ({described}):")
    for account in told["accounts"]:
        typer.echo(f"  {account['username']:<20} {account['password']:<16} {account['unit']}")
    by_name = {account["username"]: account for account in told["accounts"]}
    first = by_name.get("supervision_office", told["accounts"][0])
    login = f"username={first['username']}&password={first['password']}"
    pick = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'"
    typer.echo("试一试 try:")
    typer.echo(
        f'  curl -s {url}/v1/items -H "Authorization: Bearer $(curl -s {url}/v1/auth/token -d "{login}" | {pick})"'
    )
    sys.stdout.flush()


@cli.command()
def worker() -> None:
    """后台任务 number and seal events, finish notices; for deployments where `serve` runs with RECTIFY_WORKER=off."""
    from app.core import serving

    serving.stop_on_signals()
    with _database(_settings(), migrated=False) as ready:
        asyncio.run(_hold_keys(ready))
        asyncio.run(_work(ready))


async def _work(settings: Settings) -> None:
    from app.core.db import Database
    from app.worker import background, chores_of

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    database = await Database.open(settings.app_dsn(), pool_size=settings.pool_size, prepared=settings.prepared)
    try:
        async with background(database, chores_of(settings, database)):
            typer.echo("后台任务已启动 working in the background")
            await stopped.wait()
    finally:
        await database.close()


@cli.command()
def migrate() -> None:
    """迁移数据库 bring the database to the schema of this build."""
    from app.core.migrate import head

    with _database(_settings(), migrated=True):
        typer.echo(f"schema: {head()}")


@cli.command()
def demo() -> None:
    """写入演示数据 fill an empty ledger with an invented organisation; changes nothing when there is data."""
    with _database(_settings(), migrated=True) as settings:
        asyncio.run(_seed(settings))
        typer.echo(f"{settings.var / 'demo.json'}")


@cli.command("create-admin")
def create_admin(
    username: str,
    name: Annotated[str, typer.Option(help="姓名 the person's name")],
    role: Annotated[list[str], typer.Option(help="system_admin, security_admin, audit_admin")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="从标准输入读取 read it from stdin")] = False,
) -> None:
    """创建管理员 create an administrator's account; the password is asked for and never an argument."""
    from app.access.actor import SYSTEM
    from app.core import clock
    from app.core.db import Database
    from app.features.ledgers.seeds import seed_dictionaries
    from app.features.organisation.administrators import create_administrator

    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else typer.prompt("密码 password", hide_input=True, confirmation_prompt=True)
    )

    async def create(settings: Settings) -> None:
        database = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared)
        try:
            await create_administrator(
                database, username=username, name=name, password=password, roles=role, trial=settings.trial_mode
            )
            # An office without a database administrator starts with the dictionaries; what is there stays as it is.
            await database.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now()))
        finally:
            await database.close()

    with _database(_settings(), migrated=False) as settings:
        asyncio.run(create(settings))
    typer.echo(f"{username}: {', '.join(role)}")


@cli.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="只比较 only compare, exit 1 when it differs")] = False,
    output: Annotated[Path, typer.Option(help="目标文件 where to")] = Path("openapi/openapi.json"),
    compare: Annotated[
        Path | None,
        typer.Option(help="与旧描述比较，列出不兼容的变化 tell what breaks clients of an older description"),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="存为已发布的描述 keep it as the released one")] = False,
) -> None:
    """生成接口描述 write the API description that is committed."""
    from app.main import create_app

    document = create_app(Settings()).openapi()
    if compare is not None:
        _compare(json.loads(compare.read_text(encoding="utf-8")), document, output.with_name("CHANGES.md"))
        return
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if check:
        if not output.is_file() or output.read_text(encoding="utf-8") != text:
            typer.echo(f"{output} 与程序不一致 differs from the program: run `make openapi`", err=True)
            raise typer.Exit(1)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    if release:
        output.with_name("released.json").write_text(text, encoding="utf-8")


def _compare(old: dict[str, Any], new: dict[str, Any], changes: Path) -> None:
    from app.core.openapi_changes import incompatible, judge

    known = changes.read_text(encoding="utf-8") if changes.is_file() else ""
    unlisted, stale = judge(old, new, known)
    for found in incompatible(old, new):
        typer.echo(f"{'' if found in unlisted else '（已列出 listed）'}{found}")
    for line in stale:
        typer.echo(f"{changes}: 并无此差异 there is no such difference: {line}", err=True)
    if unlisted or stale:
        raise typer.Exit(1)


@cli.command()
def routes() -> None:
    """列出接口 list every operation with its id."""
    from app.main import create_app

    paths: dict[str, dict[str, Any]] = create_app(Settings()).openapi()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "operationId" in operation:
                typer.echo(f"{method.upper():<7} {path:<70} {operation['operationId']}")


@cli.command()
def doctor() -> None:
    """检查运行环境 check this machine and the database; exit 1 when something must be changed."""
    from app.core.doctor import Finding, Verdict, check_database, check_machine, check_outgoing

    async def ask(settings: Settings) -> list[Finding]:
        return [finding async for finding in check_database(settings)]

    settings = _settings()
    findings = [*check_machine(settings), check_outgoing(settings)]
    with _database(settings, migrated=False) as ready:
        findings += asyncio.run(ask(ready))
    for finding in findings:
        typer.echo(f"{finding.verdict:<5} {finding.check:<12} {finding.detail}")
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        raise typer.Exit(1)


cli.add_typer(keys_commands(_settings, _database), name="keys")
