"""Clients that write the same items at once, resend what they heard nothing of, and note down everything."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol

from app.core import clock
from app.demo.carry import Carrier, Case
from app.demo.client import Json
from app.demo.organisation import ROOT, Organisation
from tests.make.world import words
from tests.support.journal import FOREVER, Journal, Op, Told
from tests.support.wire import Answer, LostError, RefusedError

OFFICE, HEAD, FINDER = "supervision_office", "unit_head", "liaison"
ETAG = re.compile(r'"v(\d+)\.')
MIX: Mapping[str, int] = {
    "move": 30, "remark": 14, "progress": 14, "own": 18, "flock": 8, "evidence": 3, "read": 7, "list": 3, "again": 3,
}  # fmt: skip
"""Of a hundred operations. `own` takes an item of the client's one step on from its draft to being merged or split."""


class Line(Protocol):
    """A way to one service: a socket or the application in this process."""

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class Known:
    """An item as somebody last heard of it; another client may have moved it since."""

    id: str
    version: int
    state: str


@dataclass
class Stock:
    """What is fought over: `loose` items go to and fro between assignment and recall, `flocks` do so together."""

    carrier: Carrier
    ledger: str
    headers: dict[str, str] = field(default_factory=dict)
    loose: list[Known] = field(default_factory=list)
    flocks: list[list[Known]] = field(default_factory=list)
    working: list[Known] = field(default_factory=list)
    by_id: dict[str, Known] = field(default_factory=dict)

    @property
    def made(self) -> Organisation:
        return self.carrier.made

    @classmethod
    async def laid_in(cls, made: Organisation, *, loose: int = 8, flocks: int = 4, working: int = 4) -> Stock:
        office = await made.as_(OFFICE)
        code = f"hot-{time.time_ns()}"
        ledger = await office.post("/ledgers", {"code": code, "name": code, "unit_id": made.units[ROOT], "rules": {}})
        made.ledgers[code] = ledger["id"]
        stock = cls(Carrier(made), ledger["id"])
        for who in (OFFICE, HEAD, FINDER):
            caller = await made.as_(who)
            stock.headers[who] = caller.http.headers["Authorization"]
        stock.loose = [await stock.item(code, "registered") for _ in range(loose)]
        stock.flocks = [[await stock.item(code, "registered") for _ in range(5)] for _ in range(flocks)]
        stock.working = [await stock.item(code, "rectifying") for _ in range(working)]
        return stock

    def again(self) -> Stock:
        """The same as it was laid in, for another copy of the same database."""
        copied = {key: replace(item) for key, item in self.by_id.items()}
        return Stock(
            self.carrier, self.ledger, self.headers,
            [copied[item.id] for item in self.loose],
            [[copied[item.id] for item in flock] for flock in self.flocks],
            [copied[item.id] for item in self.working],
            by_id=copied,
        )  # fmt: skip

    async def item(self, ledger: str, state: str) -> Known:
        text = words()
        of = Case(title=text[:10], description=text, source={"type": "self_inspection"}, ledger=ledger, finder=FINDER)
        item = await self.carrier.to(state, of)
        return self.know(Known(item["id"], item["version"], item["state"]))

    def know(self, item: Known) -> Known:
        return self.by_id.setdefault(item.id, item)

    def heard(self, told: Sequence[Told]) -> None:
        for one in told:
            known = self.by_id.get(one.item)
            if known is not None and one.version > known.version:
                known.version, known.state = one.version, one.state or known.state

    def assignment(self) -> Json:
        return self.carrier.assignment(Case(title="", description="", source={}))

    def draft(self) -> Json:
        text = words()
        return {
            "ledger_id": self.ledger, "title": text[:10], "description": text, "source": {"type": "self_inspection"},
            "category": "decision_system", "severity": "general", "found_on": clock.today().isoformat(),
            "responsible_unit_id": self.made.units["engineering"],
        }  # fmt: skip


@dataclass
class Client:
    """One of the callers; all its choices come from `random`. `patience` is how long it resends before it leaves it be."""

    name: str
    random: Random
    stock: Stock
    journal: Journal
    lines: list[Line]
    patience: float = 60.0
    mix: Mapping[str, int] = field(default_factory=lambda: MIX)
    twins: float = 0.04
    forgets: float = 0.2
    number: int = 0
    mine: list[Known] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    acknowledged: list[Op] = field(default_factory=list)

    # --- what to do -----------------------------------------------------------------------------------------------

    def next(self) -> Op:
        if self.stale:
            return self._look(self.stale.pop())
        kind = self.random.choices(list(self.mix), list(self.mix.values()))[0]
        made: Op | None = getattr(self, f"_{kind}")()
        return made or self._read()

    def _op(self, kind: str, who: str, method: str, path: str, body: Any = None, **more: Any) -> Op:
        self.number += 1
        sent = b"" if body is None else json.dumps(body).encode()
        return Op(f"{self.name}-{self.number}", kind, who, method, f"/v1{path}", body=sent, **more)

    def _transition(self, kind: str, who: str, item: Known, data: Json, **more: Any) -> Op:
        match = item.version if self.random.random() < 0.8 else "*"
        body = {"action": kind, "data": data}
        items = [item.id, *more.get("others", ())]
        return self._op(kind, who, "POST", f"/items/{item.id}/transitions", body, items=items, if_match=match)

    def _move(self) -> Op:
        item = self.random.choice(self.stock.loose)
        return self._to_and_fro(item)

    def _to_and_fro(self, item: Known) -> Op:
        if item.state == "assigned":
            return self._transition("recall", OFFICE, item, {"reason": "主体有误"})
        return self._transition("assign", OFFICE, item, self.stock.assignment())

    def _remark(self) -> Op:
        item = self.random.choice([*self.stock.loose, *self.stock.working])
        body = {"remarks": f"备注 {self.name} {self.number}"}
        match = item.version if self.random.random() < 0.6 else "*"
        return self._op("remark", OFFICE, "PATCH", f"/items/{item.id}", body, items=[item.id], if_match=match)

    def _progress(self) -> Op:
        item = self.random.choice(self.stock.working)
        body = {"content": f"进展 {self.name}", "reported_on": clock.today().isoformat(), "assessment": "in_progress"}
        return self._op("progress", HEAD, "POST", f"/items/{item.id}/progress", body, items=[item.id])

    def _evidence(self) -> Op:
        item = self.random.choice(self.stock.working)
        op = self._op("evidence", HEAD, "POST", f"/items/{item.id}/evidence", items=[item.id])
        parts = {'"target_kind"': "item", f'"file"; filename="{op.key}.txt"': f"佐证 {op.key}"}
        text = "".join(
            f"--B\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n" for name, value in parts.items()
        )
        op.content_type, op.body = "multipart/form-data; boundary=B", f"{text}--B--\r\n".encode()
        return op

    def _own(self) -> Op:
        if len(self.mine) < 3 or self.random.random() < 0.3:
            return self._op("draft", FINDER, "POST", "/items", self.stock.draft())
        item = self.random.choice(self.mine)
        match item.state:
            case "draft":
                return self._transition("submit", FINDER, item, {})
            case "submitted":
                return self._transition("register", OFFICE, item, {"duplicates": []})
            case "registered" if self.random.random() < 0.5:
                into = self.random.choice(self.stock.loose)
                data = {"target_id": into.id, "reason": "同一事实"}
                return self._transition("merge", OFFICE, item, data, others=[into.id])
            case "registered":
                parts = [{"title": f"其{n}", "description": f"拆出的部分{n} {item.id}"} for n in (1, 2)]
                return self._transition("split", OFFICE, item, {"reason": "两件事", "children": parts})
        self.mine.remove(item)
        return self._read()

    def _flock(self) -> Op | None:
        flock = self.random.choice(self.stock.flocks)
        action = "recall" if flock[0].state == "assigned" else "assign"
        data = {"reason": "主体有误"} if action == "recall" else self.stock.assignment()
        told = [{"id": item.id, "version": item.version, "data": data} for item in flock]
        self.random.shuffle(told)
        body = {"action": action, "mode": "atomic", "items": told}
        items = [item.id for item in flock]
        return self._op("batch", OFFICE, "POST", "/items:batchTransition", body, items=items, action=action)

    def _read(self) -> Op:
        item = self.random.choice([*self.stock.loose, *self.stock.working, self.random.choice(self.stock.flocks)[0]])
        return self._look(item.id)

    def _look(self, item: str) -> Op:
        return self._op("read", OFFICE, "GET", f"/items/{item}", items=[item])

    def _list(self) -> Op:
        return self._op(
            "list", OFFICE, "GET", f"/items?ledger_id={self.stock.ledger}&state=registered,assigned&limit=100"
        )

    def _again(self) -> Op | None:
        """Something acknowledged long ago is asked for once more: the answer must be the one given then."""
        return self.random.choice(self.acknowledged) if self.acknowledged else None

    # --- doing it -------------------------------------------------------------------------------------------------

    async def play(self, stop: Callable[[], bool]) -> None:
        while not stop():
            op = self.next()
            if op.outcome == "ok":
                await self.repeat(op)
                continue
            self.journal.begin(op)
            try:
                await self._perform(op, stop)
            finally:
                self._conclude(op)

    def _headers(self, op: Op) -> dict[str, str]:
        headers = {"Authorization": self.stock.headers[op.who], "Content-Type": op.content_type}
        if op.writes:
            headers["Idempotency-Key"] = op.key
        if op.if_match is not None:
            headers["If-Match"] = op.if_match if op.if_match == "*" else f'"v{op.if_match}"'
        return headers

    async def _send(self, op: Op, line: Line) -> Answer:
        return await line.send(op.method, op.path, self._headers(op), op.body)

    async def _perform(self, op: Op, stop: Callable[[], bool]) -> None:
        twin = op.writes and self.random.random() < self.twins
        forgets = self.random.random() < self.forgets
        deadline = time.monotonic() + self.patience
        while not await self._attempt(op, twin=twin):
            if time.monotonic() > deadline or (op.outcome == "unknown" and (forgets or stop())):
                return
            await asyncio.sleep(self.random.uniform(0.02, 0.1))
            self.lines.append(self.lines.pop(0))

    async def _attempt(self, op: Op, *, twin: bool) -> bool:
        """Sends it once, or twice at once; True when there is nothing more to find out."""
        op.attempts += 1
        lines = self.lines if twin else self.lines[:1]
        answers = await asyncio.gather(*(self._send(op, line) for line in lines), return_exceptions=True)
        done = False
        for answer in answers:
            if isinstance(answer, LostError):
                self._doubt(op)
            elif isinstance(answer, Answer):
                done = self._told(op, answer) or done
            elif not isinstance(answer, RefusedError):
                raise answer
        return done

    @staticmethod
    def _doubt(op: Op) -> None:
        if op.outcome == "open":
            op.outcome = "unknown"

    def _told(self, op: Op, answer: Answer) -> bool:
        """Takes an answer down; False where it leaves open what became of the request."""
        if answer.status >= 500:
            op.failures += 1
            self._doubt(op)
            return False
        if answer.code == "in_flight":
            return False
        if answer.status < 300:
            if op.outcome == "ok":
                op.differing = op.differing or _digest(answer) != op.reply
                return True
            op.outcome, op.reply, op.returned = "ok", _digest(answer), time.monotonic()
            op.status, op.receipt = answer.status, answer.headers.get("rectify-receipt", "")
            op.told = told_by(op, answer)
            return True
        if op.outcome == "open":
            op.outcome, op.returned = "refused", time.monotonic()
        if op.outcome != "ok":
            op.status, op.code = answer.status, answer.code
            op.current = answer.json().get("current_version")
        return True

    def _conclude(self, op: Op) -> None:
        if op.outcome in {"open", "unknown"}:
            op.outcome, op.returned = "unknown" if op.writes else "refused", FOREVER
        if op.outcome == "ok":
            self.stock.heard(op.told)
            if op.writes and len(self.acknowledged) < 200:
                self.acknowledged.append(op)
            if op.kind == "draft":
                self.mine.append(self.stock.know(Known(op.told[0].item, 1, "draft")))
        elif op.writes:
            # Somebody was faster, or nobody knows: look before the next attempt.
            self.stale += [item for item in op.items if item not in self.stale]
        self.journal.end(op)

    async def repeat(self, op: Op) -> bool:
        """Whether the same key still gets the same answer, marked as a repetition; False while nobody answers."""
        with suppress(LostError, RefusedError):
            answer = await self._send(op, self.lines[0])
            if answer.status < 500 and answer.code != "in_flight":
                same = _digest(answer) == op.reply and answer.headers.get("idempotent-replayed") == "true"
                op.differing = op.differing or not same
                return True
        self.lines.append(self.lines.pop(0))
        await asyncio.sleep(0.05)
        return False


def _digest(answer: Answer) -> str:
    told = f"{answer.status}\n{answer.headers.get('etag')}\n{answer.headers.get('rectify-receipt')}\n".encode()
    return hashlib.sha256(told + answer.body).hexdigest()


def told_by(op: Op, answer: Answer) -> list[Told]:
    """The versions an answer shows."""
    if op.kind in {"progress", "evidence"}:
        found = ETAG.match(answer.headers["etag"])
        assert found is not None
        return [Told(op.items[0], int(found[1]))]
    body = answer.json()
    if op.kind in {"batch", "list"}:
        return [Told(one["id"], one["version"], one["state"]) for one in body["items"]]
    item = body.get("item", body)
    return [Told(item["id"], item["version"], item["state"])]
