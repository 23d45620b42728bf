"""What a request for redaction reaches, decided without a database; and that no column of words was forgotten."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Integer, String, Text, Uuid
from sqlmodel import SQLModel

import app.tables
from app.features.redactions.schemas import ChildTable, ItemTextField, RedactionBasis, RedactionStatus
from app.lifecycle.told import WORDS
from app.trail import ddl, redact
from app.trail.redact import PLACEHOLDER, Kept, Material, Told, plan

for module in pkgutil.iter_modules(app.tables.__path__, "app.tables."):
    importlib.import_module(module.name)
TABLES = SQLModel.metadata.tables
# Ids, codes, numbers, names of kinds, digests and signatures only: nobody writes a sentence there.
CODES = {
    "account": {"password_hash"},
    "api_key": {"hint", "digest", "scopes"},
    "approval": {"purpose", "role", "opinion"},
    "calendar_day": {"kind"},
    "category": {"code"},
    "checkpoint": {"root", "note"},
    "decision": {"purpose", "result"},
    "delegation": {"roles"},
    "duplicate_verdict": {"verdict"},
    "event": {"subject_kind", "type", "body", "hash"},
    "event_disclosure": {"field", "salt"},
    "evidence": {"target_kind", "media_type", "sha256"},
    "gate_result": {"gate", "part", "result"},
    "idempotency_record": {"principal", "key", "fingerprint"},
    "item": {
        "number", "number_sort", "head_hash", "state", "source_type", "category", "severity", "confidentiality",
        "major_kind", "mode", "light_reasons", "chain", "gate_problem_solved", "gate_rectification_adequate",
        "gate_people_satisfied", "supervision_level", "disposition", "movers", "reach",
    },
    "item_mover": {"role"},
    "item_origin": {"source_type"},
    "item_unit": {"part"},
    "item_unit_span": {"part"},
    "item_version": {
        "state", "source_type", "category", "severity", "confidentiality", "major_kind", "mode", "disposition",
    },
    "lease": {"name"},
    "ledger": {"code", "status"},
    "log_edge": {"data"},
    "log_tile": {"data"},
    "measure": {"kind", "status"},
    "objection": {"ruling"},
    "outcome": {"kind"},
    "outcome_gone": {"kind"},
    "plan_version": {"status"},
    "progress_report": {"assessment"},
    "redacted_field": {"field"},
    "redaction": {"status", "basis", "places"},
    "role_grant": {"role"},
    "snapshot": {"kind", "content_hash", "definitions_hash", "checkpoint_root"},
    "source_type": {"code"},
    "stage_review": {"result"},
    "survey": {"kind"},
    "trail_key": {"name", "fingerprint", "vkey"},
    "trail_subject": {"kind", "hash"},
    "unit": {"code"},
    "webhook_attempt": {"outcome", "error"},
    "webhook_endpoint": {"event_types", "state", "state_reason", "secret_key", "previous_key", "last_error"},
    "webhook_held": {"subject_kind", "body"},
}  # fmt: skip
EVENT, OTHER = UUID(int=1), UUID(int=2)
ROW = str(UUID(int=9))


def textual(column: Column[Any]) -> bool:
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return not isinstance(kind, (Uuid, Integer, Boolean, Date, DateTime))


def listed(table: str) -> set[str]:
    places = redact.ITEM if table == "item" else redact.CHILDREN.get(redact.TABLES.get(table, SQLModel), {})
    return {*places, *redact.COPIES.get(table, ()), *redact.ORGANISATION.get(table, ())}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_that_can_hold_words_is_a_place_or_declared_to_hold_codes(table: str) -> None:
    found = {column.name for column in TABLES[table].columns if textual(column)}
    assert found == listed(table) | CODES.get(table, set())
    assert not listed(table) & CODES.get(table, set())


def test_a_column_of_words_nobody_listed_would_be_noticed() -> None:
    assert textual(Column("minutes", Text()))
    assert textual(Column("tags", ARRAY(String(40))))
    assert "minutes" not in listed("decision") | CODES["decision"]


def test_what_the_events_tell_in_words_is_what_can_be_redacted_of_an_item() -> None:
    assert {*redact.ITEM} == WORDS == {field.value for field in ItemTextField}
    assert {*redact.TABLES} == {table.value for table in ChildTable}


def test_the_codes_of_requests_are_those_of_the_table() -> None:
    checks = {str(check.sqltext) for check in TABLES["redaction"].constraints if hasattr(check, "sqltext")}
    for column, codes in (("status", RedactionStatus), ("basis", RedactionBasis)):
        listed_codes = ",".join(f"'{code.value}'" for code in codes)
        assert f"{column} IN ({listed_codes})" in checks


def test_records_that_only_grow_may_be_reworded_exactly_where_they_hold_words() -> None:
    for table, columns in (ddl.REWORDED | ddl.RULED).items():
        words = {*redact.CHILDREN[redact.TABLES[table]]}
        assert words == {*columns} - {"ruling", "ruled_by", "ruled_at"}


def material(
    *told: Told, children: tuple[Kept, ...] = (), titles: dict[int, str] | None = None, **item: Any
) -> Material:
    shown = {**dict.fromkeys(redact.ITEM), "source_path": [], "source_fields": {}, **item}
    return Material(shown, children, titles or {}, told)


def item_field(name: str) -> dict[str, Any]:
    return {"kind": "item_field", "field": name}


def test_a_field_goes_with_all_it_ever_said_and_with_every_copy() -> None:
    found = material(
        Told(EVENT, 1, "title", "甲"),
        Told(EVENT, 1, "description", "无关"),
        Told(OTHER, 2, "title", "乙"),
        Told(OTHER, 2, "plan", {"goal": "甲", "measures": [{"content": "做"}]}),
        children=(Kept("item_cycle", "1", {"snapshot": {"goal": "甲", "mode": "phased"}}),),
        titles={1: "甲", 2: "乙"},
        title="乙",
        remarks="甲",
    )
    made = plan([item_field("title")], found)
    assert {(seq, name) for seq, _, name in made.disclosures} == {(1, "title"), (2, "title"), (2, "plan")}
    assert made.item == {"title": PLACEHOLDER, "remarks": PLACEHOLDER}
    assert made.children == {("item_cycle", "1"): {"snapshot": {"goal": PLACEHOLDER, "mode": "phased"}}}
    assert (made.titles, made.words, made.unmatched) == ({1, 2}, {"甲", "乙"}, [])


def test_what_said_nothing_stays_told() -> None:
    found = material(Told(EVENT, 1, "goal", "甲"), Told(OTHER, 2, "goal", None))
    made = plan([item_field("goal")], found)
    assert {seq for seq, _, _ in made.disclosures} == {1}
    assert made.item == {}


def test_a_part_of_a_longer_text_is_another_text() -> None:
    found = material(
        Told(EVENT, 1, "title", "甲"), Told(EVENT, 1, "description", "甲和乙"), title="甲", description="甲和乙"
    )
    assert plan([item_field("title")], found).item == {"title": PLACEHOLDER}


def test_of_a_deadline_only_the_wording_goes() -> None:
    kept = {
        "text": "月底前",
        "kind": "date",
        "date": "2026-03-31",
        "milestones": [{"title": "初稿", "due_on": "2026-03-01"}],
    }
    made = plan([item_field("deadline")], material(Told(EVENT, 1, "deadline", kept), deadline=kept))
    assert made.item["deadline"] == {
        **kept, "text": PLACEHOLDER, "milestones": [{"title": PLACEHOLDER, "due_on": "2026-03-01"}],
    }  # fmt: skip


def test_a_reference_elsewhere_and_forms_are_emptied() -> None:
    found = material(
        Told(EVENT, 1, "external_id", "2026/1"), Told(EVENT, 1, "source_fields", {"team": "甲"}),
        Told(EVENT, 1, "source_path", ["乙"]), external_id="2026/1", source_fields={"team": "甲", "n": 3},
        source_path=["乙"],
    )  # fmt: skip
    made = plan([item_field("external_id"), item_field("source_fields"), item_field("source_path")], found)
    assert made.item == {"external_id": None, "source_fields": {}, "source_path": []}


def test_a_child_goes_with_its_former_wordings_where_an_event_was_about_it_alone() -> None:
    rows = [["measure", ROW, "ab" * 32]]
    found = material(
        Told(EVENT, 1, "measure", {"id": ROW, "content": "旧"}),
        Told(EVENT, 1, "rows", rows),
        Told(OTHER, 2, "measures", [{"content": "旧"}, {"content": "别的"}]),
        Told(OTHER, 2, "rows", [*rows, ["measure", str(UUID(int=8)), "cd" * 32]]),
        children=(Kept("measure", ROW, {"content": "新"}), Kept("measure", str(UUID(int=8)), {"content": "别的"})),
    )
    made = plan([{"kind": "child", "table": "measure", "id": ROW, "field": "content"}], found)
    assert made.words == {"旧", "新"}
    assert {(seq, name) for seq, _, name in made.disclosures} == {(1, "measure"), (2, "measures")}
    assert made.children == {("measure", ROW): {"content": PLACEHOLDER}}


def test_a_field_of_an_event_takes_the_row_along_that_says_the_same() -> None:
    found = material(
        Told(EVENT, 1, "comment", "同意"), Told(EVENT, 1, "document", {"name": "纪要", "dated_on": "2026-03-01"}),
        children=(Kept("approval", ROW, {"comment": "同意"}),),
    )  # fmt: skip
    made = plan([{"kind": "event_field", "event_id": str(EVENT), "field": "comment"}], found)
    assert made.children == {("approval", ROW): {"comment": PLACEHOLDER}}
    made = plan([{"kind": "event_field", "event_id": str(EVENT), "field": "document"}], found)
    assert made.words == {"纪要"}


@pytest.mark.parametrize("name", sorted(redact.STRUCTURE))
def test_what_rows_are_checked_by_is_never_redacted(name: str) -> None:
    found = material(Told(EVENT, 1, name, ["甲"]), title="甲")
    assert plan([{"kind": "event_field", "event_id": str(EVENT), "field": name}], found).unmatched == [0]
    found = material(Told(EVENT, 1, "title", "甲"), Told(EVENT, 1, name, ["甲"]), title="甲")
    assert {field for _, _, field in plan([item_field("title")], found).disclosures} == {"title"}


def test_a_file_goes_as_a_whole_and_its_name_in_no_other_way() -> None:
    row = {"file_name": "扫描.pdf", "description": "照片", "sha256": "ab" * 32}
    told = {"id": ROW, **row}
    found = material(
        Told(EVENT, 1, "evidence", told), Told(EVENT, 1, "comment", "扫描.pdf"),
        children=(Kept("evidence", ROW, row),),
    )  # fmt: skip
    made = plan([{"kind": "file", "evidence_id": ROW}], found)
    assert made.children == {("evidence", ROW): {"file_name": PLACEHOLDER, "description": PLACEHOLDER}}
    assert made.texts == {"扫描.pdf", "照片"}
    assert redact.digest_of(found, ROW) == row["sha256"]
    assert plan([{"kind": "event_field", "event_id": str(EVENT), "field": "evidence"}], found).unmatched == [0]
    made = plan([{"kind": "event_field", "event_id": str(EVENT), "field": "comment"}], found)
    assert made.children == {}


def test_a_place_that_holds_nothing_any_more_is_told() -> None:
    done = Kept("evidence", ROW, {"file_name": PLACEHOLDER, "description": None})
    found = material(Told(EVENT, 5, "title", PLACEHOLDER), children=(done,), title=PLACEHOLDER)
    places = [item_field("title"), item_field("goal"), {"kind": "file", "evidence_id": ROW},
              {"kind": "child", "table": "measure", "id": ROW, "field": "content"}]  # fmt: skip
    made = plan(places, found)
    assert made.unmatched == [0, 1, 2, 3]
    assert (made.disclosures, made.item, made.children) == (set(), {}, {})
