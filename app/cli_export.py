"""`rectify export` and `rectify audit`: the ledger as a file for others, and the ledger held against its own history."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from app.settings import Settings

if TYPE_CHECKING:
    from app.trail.proof.findings import Report

Opened = Callable[[], AbstractContextManager[Settings]]
SLOW: Final = 2.0
"""Seconds after which somebody who waits is told how far it is, and between two such lines."""
STDOUT: Final = Path("-")


def register(cli: typer.Typer, opened: Opened) -> None:
    """`opened` gives settings that name a running database."""

    @cli.command()
    def export(
        out: Annotated[Path, typer.Argument(help="文件，- 为标准输出 a file, - for standard output")] = STDOUT,
        item: Annotated[list[UUID] | None, typer.Option(help="只导出这些事项 these items only")] = None,
    ) -> None:
        """导出历史供他人核对 write the history as a file that others check with `rectify verify`."""
        with opened() as settings:
            asyncio.run(_export(settings, out, item))

    @cli.command()
    def audit(
        against: Annotated[
            list[Path] | None,
            typer.Option(
                help="早先留存的检查点、回执或导出文件 a checkpoint, receipt or export retained from before",
                metavar="NOTE",
            ),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="输出 JSON print the report as JSON")] = False,
    ) -> None:
        """核对数据库与历史 hold the whole database against its own history; exit codes as `rectify verify`."""
        with opened() as settings:
            code = asyncio.run(_audit(settings, against or [], as_json=as_json))
        raise typer.Exit(code)


async def _export(settings: Settings, out: Path, items: list[UUID] | None) -> None:
    from app.core.db import Database
    from app.trail.export import Asked, Export, tell

    database = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared, limit=None)
    try:
        async with database.snapshot() as snapshot:
            made = Export(snapshot, Asked(items))
            progress = Progress("行 lines")
            with written(out) as file:
                async for line in made.lines():
                    file.write(line)
                    progress.step()
        await tell(database, made)
    finally:
        await database.close()
    said = f"{made.events} 个事件 events, {made.size} 个位置 positions, sha256 {made.sha256}"
    typer.echo(f"{said}{'' if out == STDOUT else f' → {out}'}", err=True)


async def _audit(settings: Settings, against: Sequence[Path], *, as_json: bool) -> int:
    from app.audit.findings import CODES as BEYOND
    from app.trail.proof.command import UNREADABLE
    from app.trail.proof.findings import CODES, Report, Verdict
    from app.trail.proof.kept import kept_note
    from app.trail.proof.tell import told_in_words

    try:
        notes = tuple(kept_note(path) for path in against)
    except UNREADABLE as error:
        report = Report(Verdict.MALFORMED, reason=str(error))
    else:
        report = await _audited(settings, notes)
    if as_json:
        typer.echo(json.dumps(report.document(), ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(told_in_words(report, {**CODES, **BEYOND})))
    return report.exit_code


async def _audited(settings: Settings, against: tuple[str, ...]) -> Report:
    from app.audit.run import Audit
    from app.core.db import Database
    from app.core.storage import LocalStorage
    from app.trail.proof.verify import Asked

    storage = LocalStorage(settings.var / "files", settings.upload_limit)
    database = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared, limit=None)
    try:
        async with database.snapshot() as snapshot:
            return await Audit(Asked(strict=True, against=against), storage, Progress("步 steps").step).run(snapshot)
    finally:
        await database.close()


@contextmanager
def written(out: Path) -> Iterator[IO[bytes]]:
    """A file that is there as a whole or not at all: half an export must not be taken for one."""
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(descriptor, "wb", buffering=1024 * 1024) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Progress:
    """Counts on standard error, for work that takes long and for nothing else."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._count = 0
        self._due = time.monotonic() + SLOW

    def step(self) -> None:
        self._count += 1
        if self._count % 1024 == 0 and (now := time.monotonic()) >= self._due:
            self._due = now + SLOW
            typer.echo(f"{self._count} {self._unit}", err=True)
