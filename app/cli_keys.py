"""`rectify keys`: which keys the ledger has, and putting another one in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Final, Protocol

import typer

from app.settings import Settings


class KeyName(StrEnum):
    """What can be rotated."""

    SESSION = "session"
    CURSOR = "cursor"
    RECEIPT = "receipt"
    CHECKPOINT = "checkpoint"
    WEBHOOK = "webhook"


AFTERWARDS: Final = {
    KeyName.SESSION: "重启全部服务进程，所有登录会话随即结束 restart every serving process; every session ends with that",
    KeyName.CURSOR: "重启全部服务进程，正在翻的页须从头读起 restart every serving process; pages under way begin anew",
    KeyName.RECEIPT: "重启全部服务进程，在此之前的回执仍用旧密钥签名 restart every serving process; until then receipts are "
    "signed with the old key",
    KeyName.CHECKPOINT: "共用此目录的封存进程自动换用；在别处封存的须先复制新密钥文件 a sealer with this folder takes it by "
    "itself; one elsewhere needs the new key file",
    KeyName.WEBHOOK: "重启全部服务进程；已有推送端点仍用旧密钥，直到各自更换推送密钥 restart every serving process; endpoints "
    "go on with the old key until the secret of each is rotated",
}
Opened = Callable[..., AbstractContextManager[Settings]]


class Shown(Protocol):
    """A key of the ledger as the database knows it."""

    def __getitem__(self, name: str) -> object: ...


def keys_commands(settings: Callable[[], Settings], database: Opened) -> typer.Typer:
    """The commands, on the settings and the database that the program gives."""
    commands = typer.Typer(help="密钥 keys of the ledger", no_args_is_help=True)

    @commands.command("list")
    def list_keys() -> None:
        """列出用过的全部密钥 list every key there has been; public parts only."""
        with database(settings(), migrated=False) as ready:
            for row in asyncio.run(_listed(ready)):
                standing = "在用 in force" if row["retired_at"] is None else f"停用 retired {row['retired_at']}"
                typer.echo(f"{row['name']:<10} {row['fingerprint']} {standing}")
                if row["vkey"]:
                    typer.echo(f"           {row['vkey']}")

    @commands.command()
    def rotate(name: KeyName) -> None:
        """换用新密钥 put a new key in force; the old one goes on verifying what it signed, so its file stays."""
        with database(settings(), migrated=False) as ready:
            fingerprint, vkey = asyncio.run(_rotated(ready, name))
        typer.echo(f"{name.value}: {fingerprint}")
        if vkey:
            typer.echo(vkey)
        typer.echo(AFTERWARDS[name])

    return commands


async def _listed(settings: Settings) -> list[Shown]:
    from app.core.db import Database
    from app.trail.keys import vkeys

    db = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared)
    try:
        return list(await vkeys(db))
    finally:
        await db.close()


async def _rotated(settings: Settings, name: KeyName) -> tuple[str, str | None]:
    from app.core.db import Database
    from app.trail.keys import WrongKeyError, hold, rotate, vkeys

    db = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared)
    try:
        await hold(db, settings.var, [name.value])
        made = await rotate(db, settings.var, name.value)
        return made, next(row["vkey"] for row in await vkeys(db) if row["fingerprint"] == made)
    except WrongKeyError:
        place = settings.var / "keys"
        typer.echo(
            f"此处没有在用的密钥，不能更换 the key in force is not here, so it is not replaced: {place}/{name.value}*.key",
            err=True,
        )
        raise typer.Exit(1) from None
    finally:
        await db.close()
