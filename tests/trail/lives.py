"""A small ledger in which everything has happened that can happen to an item, for audits to be tried on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from app.audit.run import Audit
from app.core import clock
from app.core.storage import LocalStorage
from app.demo.client import Json
from app.demo.organisation import ROOT
from app.lifecycle.states import State
from app.trail.keys import rotate
from app.trail.positions import assign_positions
from app.trail.proof.findings import Report
from app.trail.proof.verify import Asked
from app.trail.redactions import erase_files
from app.trail.seal import Sealer
from tests.journeys.stage import made, opine, problem
from tests.make.world import World, case, world_of


async def seal(app: FastAPI) -> int:
    """Numbers and seals everything recorded so far; gives the size."""
    while await assign_positions(app.state.db):
        pass
    sealer = Sealer(app.state.db, Path(app.state.settings.var))
    await sealer.run(at_once=True)
    await sealer.stop()
    size: int = await app.state.db.fetchval("SELECT max(size) FROM checkpoint")
    return size


def storage_of(app: FastAPI) -> LocalStorage:
    settings = app.state.settings
    return LocalStorage(settings.var / "files", settings.upload_limit)


async def audited(app: FastAPI, *against: str, files: bool = True) -> Report:
    async with app.state.db.snapshot() as snapshot:
        storage = storage_of(app) if files else None
        return await Audit(Asked(strict=True, against=against), storage).run(snapshot)


async def newest(app: FastAPI) -> str:
    note: str = await app.state.db.fetchval("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
    return note


async def lives(app: FastAPI) -> World:
    """Every state, both ways back, every child, two checkpoint keys; sealed in between."""
    world = await world_of(app)
    for state in State:
        await made(world, state.value)
    await seal(app)
    await merged_and_split(world)
    await drafts(world)
    await seal(app)
    await rotate(world.db, Path(app.state.settings.var), "checkpoint")
    await reopened(world)
    await worked_on(world)
    await redacted(world)
    await frozen(world)
    await seal(app)
    # Time moves on here and back again, which no clock of a service does: a key is retired before that, and none after.
    await noticed(world)
    await kept_going(world)
    await on_paper(world)
    await seal(app)
    return world


async def reopened(world: World) -> Json:
    of = case()
    item = await world.carrier.to("closed", of)
    office = await world.as_("supervision_office")
    deadline = {"text": "三十日内", "kind": "date", "date": (clock.today() + timedelta(days=30)).isoformat()}
    whose = {"unit_id": world.made.units[of.lead], "person_id": world.made.people["unit_head"]}
    plan = {
        "measures": [{"content": "重新排查", **whose, "due_on": clock.today().isoformat()}],
        "criteria": [{"content": "复查合格"}],
    }
    again = {"reason_code": "rebound", "evidence": "抽查再次发现", "deadline": deadline, **plan}
    item = await office.act(item["id"], "reopen", again)
    return await world.carrier.to("closed", of, item)


async def noticed(world: World) -> None:
    """Objections dismissed and upheld; one notice runs to its end."""
    public = {"ledger": "public", "confidentiality": "public"}
    first, second = [await world.item("public_notice", case(**public)) for _ in range(2)]
    async with world.at(timedelta(days=1)):
        office, other = await world.as_("supervision_office"), await world.as_("supervision_office_2")
        for item in (first, second):
            body = {"content": "现场未恢复", "received_on": clock.today().isoformat(), "contact": "010-0000"}
            item["objection"] = (await office.post(f"/items/{item['id']}/objections", body))["id"]
        await other.patch(
            f"/items/{first['id']}/objections/{first['objection']}", {"ruling": "dismissed", "reason": "经核实不属实"}
        )
        upheld = {"objection_id": second["objection"], "reason": "现场核实属实"}
        await other.act(second["id"], "uphold_objection", upheld)
    async with world.at(timedelta(days=30)):
        await (await world.as_("supervision_office")).act(first["id"], "finish_notice")


async def kept_going(world: World) -> None:
    item = await made(world, "sustaining")
    office = await world.as_("supervision_office")
    for days in (60, 150):
        on = (clock.today() + timedelta(days=days)).isoformat()
        await office.act(item["id"], "stage_review", {"result": "on_track", "summary": "正常", "next_review_on": on})
    await office.act(item["id"], "stage_review", {"result": "needs_work", "summary": "出现反弹"})


async def merged_and_split(world: World) -> None:
    office = await world.as_("supervision_office")
    first = await world.item("registered", case(source={"type": "hotline", "document_no": "工单-1"}))
    second = await world.item("assigned", case(source={"type": "petition", "document_no": "信-2"}))
    third = await world.item("rectifying")
    for giver, taker in ((first, second), (second, third)):
        await office.act(giver["id"], "merge", {"target_id": taker["id"], "reason": "同一事实"})
    of = case()
    whole = await world.carrier.to("registered", of)
    parts = [{"title": f"拆出的问题{place}", "description": f"第{place}类问题"} for place in (1, 2)]
    await office.act(whole["id"], "split", {"reason": "两类问题", "children": parts})
    part = await world.db.fetchval("SELECT id FROM item WHERE split_from_id = $1 ORDER BY number LIMIT 1", whole["id"])
    await world.carrier.to("closed", of, await world.read({"id": str(part)}))


async def drafts(world: World) -> None:
    """One deleted, one sent back and described anew."""
    finder = await world.as_("liaison")
    gone = await world.carrier.draft(problem(world))
    await finder.patch(f"/items/{gone['id']}", {"title": "另一个题目", "remarks": "备忘"})
    await finder.send("DELETE", f"/items/{gone['id']}", None)
    assert await world.db.fetchval("SELECT NOT EXISTS (SELECT FROM item WHERE id = $1)", gone["id"])
    back = await made(world, "submitted")
    office = await world.as_("supervision_office")
    back = await office.act(back["id"], "return_for_supplement", {"reason": "缺少原文"})
    await finder.patch(f"/items/{back['id']}", {"title": "补充后的题目", "severity": "major"})


async def worked_on(world: World) -> None:
    """Measures changed and removed, progress, outcomes, evidence put and taken, hands changed."""
    of = problem(world)
    planning = await world.carrier.to("planning", of)
    head, place = await world.carrier.head(of), f"/items/{planning['id']}"
    due = (clock.today() + timedelta(days=20)).isoformat()
    whose = {"unit_id": world.made.units[of.lead], "person_id": world.made.people["assignee"], "due_on": due}
    two = [await head.post(f"{place}/measures", {"content": f"措施{n}", **whose}) for n in (1, 2)]
    await head.patch(f"{place}/measures/{two[0]['id']}", {"person_id": world.made.people["liaison"]})
    await head.send("DELETE", f"{place}/measures/{two[1]['id']}", None)
    file = await head.upload(f"{place}/evidence", "照片.txt", "误传", target_kind="item")
    await head.send("DELETE", f"{place}/evidence/{file['id']}", None)
    await world.carrier.write_plan(of, planning)
    item = await world.carrier.to("rectifying", of, planning)
    today = clock.today().isoformat()
    measure = (await head.get(f"{place}/measures"))["items"][0]["id"]
    await head.patch(f"{place}/measures/{measure}", {"status": "in_progress"})
    report = {"content": "已开工", "reported_on": today, "assessment": "basically_done", "measure_id": measure}
    await head.post(f"{place}/progress", report)
    await head.post(f"{place}/outcomes", {"kind": "institution", "name": "管理办法"})
    saved = {"kind": "saved_funds", "name": "节约资金", "amount_fen": 120_000}
    gone = await head.post(f"{place}/outcomes", saved)
    await head.send("DELETE", f"{place}/outcomes/{gone['id']}", None)
    leaders = {"from_person_id": world.made.people["leader"], "to_person_id": world.made.people["leader_2"]}
    office = await world.as_("supervision_office")
    await office.act(item["id"], "hand_over", {"role": "accountable_leader", **leaders, "on": today})
    await office.act(item["id"], "reclassify", {"reason": "影响扩大", "severity": "grave"})
    await opine(await world.as_("first_responsible"), item, "sustain")
    await world.carrier.decide(item, "sustain")


async def redacted(world: World) -> None:
    """Words of a closed item, a file, and words of a deleted draft are taken out; one request is turned down."""
    of = case()
    item = await world.carrier.to("rectifying", of)
    head = await world.carrier.head(of)
    shown = await head.upload(f"/items/{item['id']}/evidence", "名单.txt", f"名单 {item['id']}", target_kind="item")
    item = await world.carrier.to("closed", of, item)
    measure = await world.db.fetchval("SELECT id FROM measure WHERE item_id = $1 LIMIT 1", item["id"])
    gone = await world.db.fetchval("SELECT subject_id FROM event WHERE type = 'item.draft_deleted'")
    title, told = {"kind": "item_field", "field": "title"}, {"kind": "item_field", "field": "description"}
    child = {"kind": "child", "table": "measure", "id": str(measure), "field": "content"}
    file = {"kind": "file", "evidence_id": shown["id"]}
    security, audit = await world.as_("security_admin"), await world.as_("audit_admin")
    for item_id, places, verdict in (
        (item["id"], [title, child], "approve"), (item["id"], [file], "approve"),
        (str(gone), [told], "approve"), (item["id"], [told], "reject"),
    ):  # fmt: skip
        asked = {"item_id": item_id, "basis": "court_order", "places": places}
        made = await security.post("/trail/redactions", asked)
        await audit.post(f"/trail/redactions/{made['id']}:{verdict}", None)
    await erase_files(world.db, storage_of(world.app))
    assert not await storage_of(world.app).exists(shown["sha256"])


async def frozen(world: World) -> None:
    """Last month of the whole and last quarter of a part, the month amended twice."""
    office = await world.as_("supervision_office")
    this = clock.today().replace(day=1)
    month = (this - timedelta(days=1)).replace(day=1)
    quarter = this.replace(month=(this.month - 1) // 3 * 3 + 1) - timedelta(days=1)
    quarter = quarter.replace(month=quarter.month - 2, day=1)
    units = world.made.units
    body = {"unit_id": units[ROOT], "kind": "month", "period_from": month.isoformat()}
    first = await office.post("/snapshots", body)
    for reason in ("补录线下销号", "再次核对"):
        await office.post(f"/snapshots/{first['id']}/amendments", {"reason": reason})
    part = next(unit for key, unit in units.items() if key != ROOT)
    await office.post("/snapshots", {"unit_id": part, "kind": "quarter", "period_from": quarter.isoformat()})


async def on_paper(world: World) -> None:
    item = await world.item("closing")
    office = await world.as_("supervision_office")
    scan = await office.upload(f"/items/{item['id']}/evidence", "签批单.txt", "签批单扫描", target_kind="decision")
    signed = (clock.now().replace(microsecond=0) + timedelta(hours=1)).isoformat()
    paper = {
        "decider_id": world.made.people["first_responsible"],
        "document_no": "签批〔2026〕9号",
        "scan_id": scan["id"],
    }
    async with world.at(timedelta(days=2)):
        other = await world.as_("supervision_office_2")
        await other.act(item["id"], "record_offline_closure", paper, occurred_at=signed)
