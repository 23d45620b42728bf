"""Items whose every text is a canary: 金丝雀, four letters of the item, and 封 where not all of its readers may have it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.core.ids import uuid7
from app.core.storage import LocalStorage, Upload
from app.lifecycle.search import write_search
from app.tables import closeout, rectify
from tests.support.organisation import LONG_AGO, THEN, Organisation

SEAL, OPEN, CONTACT = "封", "明", "密"
Row = dict[str, Any]


def canary(number: int, kind: str) -> str:
    """Four letters that no other item has, so that a search can aim at one; `kind` says who may read it."""
    return f"金丝雀{''.join(chr(0x4E00 + 97 * number + place) for place in range(4))}{kind}"


async def put_item(org: Organisation, number: int, confidentiality: str, place: tuple[UUID, UUID]) -> UUID:
    unit, ledger = place
    sealed, shown = canary(number, SEAL), canary(number, OPEN)
    stub = confidentiality == "secret_stub"
    texts = {} if stub else dict.fromkeys(("description", "source_quote", "goal", "root_cause", "remarks"), sealed)
    told: Row = {
        "source_document": shown,
        "source_document_no": shown,
        "major_kind": "key_personnel",
        "major_basis": shown,
    }
    values: Row = {
        "state": "closed", "number": f"N-{number}", "title": "" if stub else sealed, "confidentiality": confidentiality,
        "responsible_unit_id": unit, "lead_unit_id": unit, "source_unit_id": unit, "submission_no": 1, "plan_version": 1,
        "closed_at": THEN, "completed_at": THEN, "registered_at": THEN, "registered_sort": THEN, "category": "decision_system",
        "severity": "general", "mode": "time_limited", "policy_version": 1,
        "chain": ["leader", "discipline_office", "first_responsible"],
        "light_reasons": {"grey": None, "yellow": {}, "calendar_uncertain": False},
    }  # fmt: skip
    item = await org.item(ledger, unit, (unit,), **values, **texts, **told)
    row = {"id": item, "number": values["number"], "title": values["title"], "description": texts.get("description")}
    await org.db.write(lambda tx: write_search(tx, [row]))
    return item


async def put_children(org: Organisation, number: int, item: UUID) -> Row:
    """A row in every child table; those of the stub were written before it became one."""
    sealed, shown, made = canary(number, SEAL), canary(number, OPEN), {}
    file = await _file(org, sealed)
    common = {"item_id": item, "cycle": 1, "changed_seq": 1}
    born, taken = {"created_at": THEN}, {"occurred_at": THEN, "recorded_at": THEN}
    edited = {**born, "updated_at": THEN, "content": sealed, "position": 1}
    numbered = {"submission_no": 1}
    evidence = uuid7()
    votes = {"entitled": 3, "present": 3, "yes": 3, "no": 0, "deferred": 0, "abstained": 0, "rule": {}}
    paper = {"body": shown, "decided_on": LONG_AGO, "decided_at": THEN, "minutes_no": shown, "scan_id": evidence}
    submitted = {"submitted_at": THEN, "occurred_at": THEN, "declared_true": True, "policy_version": 1}
    rows: tuple[tuple[str, Any, Row], ...] = (
        ("measure_id", rectify.Measure, {**edited, "status": "done"}),
        ("criterion_id", rectify.Criterion, edited),
        ("report_id", rectify.ProgressReport,
         {**born, "reported_on": LONG_AGO, "content": sealed, "assessment": "done", "next_step": sealed}),
        ("outcome_id", rectify.Outcome, {**born, "kind": "institution", "name": sealed, "document_no": sealed, "detail": sealed}),
        ("evidence_id", rectify.Evidence,
         {**born, **file, "id": evidence, "target_kind": "item", "file_name": f"{sealed}.txt", "description": sealed}),
        ("submission_id", rectify.Submission, {**numbered, **submitted, "summary": sealed}),
        ("result_id", closeout.GateResult,
         {**numbered, **taken, "gate": "people_satisfied", "part": "whole", "result": "waived",
          "detail": {"waiver_reason": sealed}, "comment": sealed}),
        ("approval_id", closeout.Approval,
         {**numbered, **taken, "closing_round": 1, "purpose": "closure", "role": "leader", "opinion": "agree",
          "comment": sealed}),
        ("objection_id", closeout.Objection,
         {**numbered, **born, "content": sealed, "contact": canary(number, CONTACT), "received_on": LONG_AGO,
          "ruling": "dismissed", "ruling_reason": sealed, "ruled_at": THEN}),
        ("decision_id", closeout.Decision, {**born, **paper, **votes, "purpose": "closure", "result": "passed"}),
        ("review_id", closeout.StageReview, {"reviewed_on": LONG_AGO, "result": "on_track", "summary": sealed}),
    )  # fmt: skip
    for name, table, values in rows:
        made[name] = await org.put(table, **{**common, **values})
    plan = {"content": {"goal": sealed}, "status": "approved", "submitted_at": THEN, "decision_note": sealed}
    await org.db.write(lambda tx: tx.insert(rectify.PlanVersion, [{**common, **plan, "plan_version": 1}]))
    return made


async def _file(org: Organisation, text: str) -> Row:
    async def content() -> Any:
        yield text.encode()

    store = LocalStorage(org.var / "files", 1 << 20)
    async with store.receive(content(), Upload("a.txt")) as received:
        await received.keep()
        return {
            "sha256": received.stored.sha256,
            "size": received.stored.size,
            "media_type": received.stored.media_type,
        }
