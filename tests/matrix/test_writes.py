"""Every action and every write of every child, by every caller to every kind of item: all of them closed, so nothing changes."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core import clock
from app.core.ids import uuid7
from app.lifecycle.childwrites import Child, Operation, writers
from app.lifecycle.states import Action
from app.tables.rectify import Evidence
from tests.journeys.child_calls import KINDS as EVIDENCE_KINDS
from tests.journeys.child_calls import Call, Targets
from tests.journeys.stage import TRACE, Stage
from tests.journeys.test_every_action import ANYONE, DATA
from tests.matrix.ground import CALLERS, Caller, Ground
from tests.matrix.leaks import leaks
from tests.matrix.oracle import ACTORS, KINDS, RELATIONS, WRITERS, Who, expected_of
from tests.support.asgi import Ask, documented, json_body, with_length

COLUMNS = (*RELATIONS, *KINDS)
WRITES = [(child, operation) for child in Child for operation in Operation if writers(child, operation)]
LEAD = {"lead_unit_id": ANYONE, "accountable_leader_ids": [ANYONE]}
BESIDE: dict[str, Any] = {"void": {"document": {"name": "会议纪要"}}}
ROWS = {
    Child.MEASURE: "measure_id", Child.CRITERION: "criterion_id", Child.OUTCOME: "outcome_id", Child.RULING: "objection_id",
}  # fmt: skip
CLASSES = {401: "401", 403: "403", 404: "404"}


@pytest.fixture(scope="module")
async def targets(ground: Ground) -> dict[str, Targets]:
    """The rows that writes of children aim at, in each column."""
    items = {column: {"id": str(ground.targets[column].item)} for column in COLUMNS}
    stage = Stage(None, items)  # type: ignore[arg-type]
    found = {}
    for column in COLUMNS:
        ids = ground.targets[column].ids
        rows: dict[Any, UUID] = {child: ids[name] for child, name in ROWS.items()}
        rows |= await _evidence(ground, column)
        found[column] = Targets(stage, column, rows, ids["evidence_id"])
    return found


async def _evidence(ground: Ground, column: str) -> dict[Child, UUID]:
    target, made = ground.targets[column], {child: uuid7() for child in EVIDENCE_KINDS}
    file = {"file_name": "a.txt", "media_type": "text/plain", "size": 1, "sha256": "0" * 64, "created_at": clock.now()}
    common = {"item_id": target.item, "cycle": 1, "changed_seq": 1, **file}
    rows = [
        {**common, "id": made[child], "target_kind": kind,
         "target_id": target.ids["measure_id"] if kind == "measure" else None}
        for child, kind in EVIDENCE_KINDS.items()
    ]  # fmt: skip
    await ground.org.db.write(lambda tx: tx.insert(Evidence, rows))
    return made


def test_every_action_and_every_child_has_its_line() -> None:
    assert set(ACTORS) == {action.value for action in Action}
    assert set(WRITERS) == {child.value for child in Child}


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_every_action_of_every_caller_on_every_item(ground: Ground, who: Who) -> None:
    caller = ground.caller(who)
    wrong, seen = [], Counter[str]()
    for column in COLUMNS:
        for action in Action:
            wanted = expected_of(who, "item:act", ACTORS[action.value], column)
            path = f"/v1/items/{ground.targets[column].item}/transitions"
            answer = await documented(ground.app, asked(caller, "POST", path, body_of(action), b"validate_only=true"))
            seen[wanted] += 1
            if CLASSES.get(answer.status_code, "ok") != wanted or answer.status_code not in {200, 403, 404, 409}:
                wrong.append(f"{who.name} {action} [{column}]: {answer.status_code} instead of {wanted} {answer.text}")
            wrong += [f"{who.name} {action} [{column}] shows {text}" for text in leaks(caller, answer)]
    assert not wrong, "\n".join(wrong)
    assert seen.total() == len(COLUMNS) * len(Action)


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_every_write_of_a_child_by_every_caller(ground: Ground, targets: dict[str, Targets], who: Who) -> None:
    caller, ids = ground.caller(who), [target.item for target in ground.targets.values()]
    before = await ground.org.db.fetchval(TRACE, ids)
    wrong, seen = [], Counter[str]()
    for column in COLUMNS:
        for child, operation in WRITES:
            permission, hands = WRITERS[child.value]
            wanted = expected_of(who, permission, hands, column)
            call = targets[column].call(child, operation)
            answer = await documented(ground.app, asked_of(caller, call))
            seen[wanted] += 1
            if CLASSES.get(answer.status_code, "ok") != wanted or answer.status_code not in {403, 404, 409}:
                told = f"{answer.status_code} instead of {wanted} {answer.text}"
                wrong.append(f"{who.name} {operation} {child} [{column}]: {told}")
            wrong += [f"{who.name} {operation} {child} [{column}] shows {text}" for text in leaks(caller, answer)]
    assert not wrong, "\n".join(wrong)
    assert seen.total() == len(COLUMNS) * len(WRITES)
    assert await ground.org.db.fetchval(TRACE, ids) == before


def body_of(action: Action) -> dict[str, Any]:
    data = DATA.get(action.value, {}) | (LEAD if action is Action.ASSIGN else {})
    at = {"occurred_at": clock.now().isoformat()} if action is Action.RECORD_OFFLINE_CLOSURE else {}
    return {"action": action.value, "data": data, **BESIDE.get(action.value, {}), **at}


def asked(caller: Caller, method: str, path: str, body: Any = None, query: bytes = b"") -> Ask:
    headers, chunks = json_body(body) if body is not None else ((), ())
    more = [(b"if-match", b"*"), (b"idempotency-key", uuid4().hex.encode())]
    return Ask(method, path, [*caller.valid, *headers, *more], query, chunks)


def asked_of(caller: Caller, call: Call) -> Ask:
    if call.form is None:
        return asked(caller, call.method, f"/v1{call.path}", call.body)
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in call.form.items()]
    parts.append(f'name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n{call.path}')
    content = "".join(f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--x--\r\n"
    headers, chunks = with_length("multipart/form-data; boundary=x", content.encode())
    key = (b"idempotency-key", uuid4().hex.encode())
    return Ask("POST", f"/v1{call.path}", [*caller.valid, *headers, key], b"", chunks)
