"""Runs `rectify` with places at which it can be made to die: python -m tests.support.launcher serve --port 8000

The product has no switch for this. Its own seams are wrapped here, in this process only: the end of a transaction, the
statement that writes history, the job under way and the sending of a reply. A failpoint is armed by a file of its name
in the folder RECTIFY_TEST_FAILPOINTS; whoever passes it first takes the file away and is killed on the spot.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

SERVE = (
    "write.begun", "write.recorded", "write.before_commit", "write.after_commit", "reply.before_send", "reply.half_sent",
)  # fmt: skip
WORKER = (
    "lease.after_commit", "number.before_commit", "number.after_commit", "seal.before_commit", "seal.after_commit",
    "sign.before_commit", "sign.after_commit", "publish.before",
)  # fmt: skip
FAILPOINTS = (*SERVE, *WORKER)
HITS = "hits"

_job: ContextVar[str | None] = ContextVar("job", default=None)


def reach(name: str) -> None:
    """Dies here if this place was armed; taking the file away first lets nobody else die of the same order."""
    folder = os.environ.get("RECTIFY_TEST_FAILPOINTS")
    if not folder:
        return
    try:
        (Path(folder) / name).unlink()
    except FileNotFoundError:
        return
    with (Path(folder) / HITS).open("a", encoding="utf-8") as hits:
        hits.write(f"{name}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _during(job: str, work: Callable[..., Any]) -> Callable[..., Any]:
    async def named(*args: Any, **more: Any) -> Any:
        token = _job.set(job)
        try:
            return await work(*args, **more)
        finally:
            _job.reset(token)

    return named


def wrap_commits() -> None:
    """Around every COMMIT of a job that has a name."""
    from asyncpg.transaction import Transaction

    leave = Transaction.__aexit__

    async def around(self: Any, kind: Any, error: Any, trace: Any) -> None:
        job = _job.get() if kind is None else None
        if job:
            reach(f"{job}.before_commit")
        await leave(self, kind, error, trace)
        if job:
            reach(f"{job}.after_commit")

    setattr(Transaction, "__aexit__", around)  # noqa: B010 - a seam, and no attribute mypy should believe in


def wrap_writes() -> None:
    """A write of a caller: once its key is locked, and once its history is in the transaction."""
    from app.core import db, idempotency
    from app.trail import record

    lock, execute = idempotency._lock, db.Tx.execute

    async def begun(*args: Any) -> None:
        await lock(*args)
        reach("write.begun")

    async def recorded(self: Any, sql: str, *args: Any) -> int:
        touched = await execute(self, sql, *args)
        if sql is record.APPEND and _job.get() == "write":
            reach("write.recorded")
        return touched

    setattr(idempotency, "_lock", begun)  # noqa: B010 - as above
    setattr(db.Tx, "execute", recorded)  # noqa: B010 - as above
    setattr(idempotency, "run_write", _during("write", idempotency.run_write))  # noqa: B010 - as above


def wrap_chores() -> None:
    """Numbering, sealing, signing, publishing: the lease first, as the sealer does it."""
    from app.trail import positions, seal

    extend, publish, sign = seal._extend, seal._publish, seal.Sealer._sign_one

    async def extended(*args: Any) -> int:
        _job.set("seal")  # for the commit, which comes after this
        return await extend(*args)

    def published(*args: Any) -> None:
        reach("publish.before")
        publish(*args)

    setattr(seal, "_extend", extended)  # noqa: B010 - as above
    setattr(seal, "_publish", published)  # noqa: B010 - as above
    setattr(seal.Sealer, "_sign_one", _during("sign", sign))  # noqa: B010 - as above
    setattr(seal.Sealer, "run", _during("lease", seal.Sealer.run))  # noqa: B010 - as above
    setattr(positions, "assign_positions", _during("number", positions.assign_positions))  # noqa: B010 - as above


def wrap_replies() -> None:
    """The answer to a write that was accepted: before its first byte, and between its head and its body."""
    from app.core import middleware

    send = middleware._Exchange.send

    async def sent(self: Any, message: dict[str, Any]) -> None:
        told = message["type"] == "http.response.start" and message["status"] < 300
        written = told and self.scope["method"] in {"POST", "PATCH", "DELETE"} and "/v1/items" in self.scope["path"]
        if written:
            reach("reply.before_send")
        await send(self, message)
        if written:
            reach("reply.half_sent")

    setattr(middleware._Exchange, "send", sent)  # noqa: B010 - as above


def main() -> None:
    # Before anything else imports the product: names bound by `from … import` are bound to what is wrapped here.
    for wrap in (wrap_commits, wrap_writes, wrap_chores, wrap_replies):
        wrap()
    if planted := os.environ.get("RECTIFY_TEST_BUG"):
        from tests.support.bugs import plant

        plant(planted)
    from app.cli import main as rectify

    rectify()


if __name__ == "__main__":
    main()
