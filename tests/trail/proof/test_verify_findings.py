"""Every finding: an honest export is changed in one place, and exactly that is said, with the place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.lifecycle.transitions import RULES
from app.trail.canonical import canonical, instant
from app.trail.envelope import Entry
from app.trail.proof.findings import CODES, Finding, Report, Verdict
from app.trail.proof.verify import Asked, verify
from tests.trail.proof.history_maker import Document, Made, Maker, ordinary, reread, written


def checked(documents: list[Document], **asked: Any) -> Report:
    return verify(written(documents), Asked(strict=True, **asked))


def found(documents: list[Document], code: str, **asked: Any) -> Finding:
    """The one finding of a code; nothing else may be the first thing said."""
    report = checked(documents, **asked)
    assert report.verdict is Verdict.TAMPERED, report
    assert code in report.found, report.findings
    return next(finding for finding in report.findings if finding.code == code)


def kind(documents: list[Document], name: str) -> list[Document]:
    return [document for document in documents if document["t"] == name]


def event(documents: list[Document], type_: str) -> Document:
    return next(document for document in kind(documents, "event") if document["row"]["type"] == type_)


def rewritten(document: Document, change: Callable[[Document], None]) -> None:
    """Another body under a hash that fits it, as somebody with the database would make it."""
    body = json.loads(document["body"])
    change(body)
    document["body"] = canonical(body)
    document["row"]["hash"] = hashlib.sha256(b"\0" + document["body"].encode()).hexdigest()


@pytest.fixture
def made() -> Maker:
    return ordinary()


@pytest.fixture
def documents(made: Maker) -> list[Document]:
    return reread(made.export())


def test_the_history_these_tests_change_is_honest(documents: list[Document]) -> None:
    report = verify(written(documents), Asked(strict=True))
    assert (report.verdict, report.findings) == (Verdict.SELF_CONSISTENT_ONLY, [])


def test_a_changed_body(documents: list[Document]) -> None:
    changed = event(documents, "item.registered")
    changed["body"] = changed["body"].replace('"auth":"password"', '"auth":"api_key"')
    finding = found(documents, "leaf_mismatch")
    assert (finding.subject, finding.seq, finding.position) == (
        changed["row"]["subject"], changed["row"]["seq"], changed["pos"],
    )  # fmt: skip
    assert finding.actual == changed["row"]["hash"]


def test_a_changed_body_with_its_hash_recomputed(documents: list[Document]) -> None:
    changed = event(documents, "item.registered")
    rewritten(changed, lambda body: body["actor"].update(auth="api_key"))
    later = event(documents, "item.assigned")
    finding = found(documents, "prev_mismatch")
    assert (finding.position, finding.expected) == (later["pos"], changed["row"]["hash"])
    first = kind(documents, "checkpoint")[0]
    assert found(documents, "root_mismatch").position == first["size"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("type", "item.voided"), ("actor", None), ("seq", 1), ("at", "2026-03-01T01:00:00.000000Z"), ("kind", "unit"),
     ("id", "00000000-0000-4000-8000-000000000000"), ("subject", "00000000-0000-4000-8000-000000000000")],
)  # fmt: skip
def test_a_changed_column_beside_the_body(documents: list[Document], column: str, value: Any) -> None:
    changed = event(documents, "item.registered")
    honest = changed["row"][column]
    changed["row"][column] = value
    finding = found(documents, "projection_mismatch")
    assert finding.position == changed["pos"]
    assert (finding.expected, finding.actual) == (f"{column} {honest}", str(value))


def test_a_missing_event(documents: list[Document]) -> None:
    gone = event(documents, "item.registered")
    documents.remove(gone)
    assert found(documents, "position_gap").expected == str(gone["pos"])
    finding = found(documents, "seq_gap")
    assert (finding.subject, finding.seq, finding.expected) == (gone["row"]["subject"], gone["row"]["seq"] + 1, "3")


def test_an_event_cut_off_the_end_without_its_position(made: Maker, documents: list[Document]) -> None:
    last = kind(documents, "event")[-1]
    documents.remove(last)
    assert found(documents, "position_gap").expected == str(len(made.events))
    assert found(documents, "head_mismatch").subject == last["row"]["subject"]


def test_another_root(documents: list[Document]) -> None:
    checkpoint = kind(documents, "checkpoint")[1]
    honest, checkpoint["root"] = checkpoint["root"], "00" * 32
    finding = found(documents, "root_mismatch")
    assert (finding.position, finding.expected, finding.actual) == (checkpoint["size"], "00" * 32, honest)


def test_a_checkpoint_of_more_events_than_there_are(documents: list[Document]) -> None:
    checkpoint = kind(documents, "checkpoint")[1]
    checkpoint["size"] += 5
    assert found(documents, "history_cut").expected == f"{checkpoint['size']} positions"


def test_a_checkpoint_without_its_signature_amid_others(documents: list[Document]) -> None:
    checkpoint = kind(documents, "checkpoint")[0]
    checkpoint["note"] = None
    assert found(documents, "checkpoint_missing").position == checkpoint["size"]


@pytest.mark.parametrize("broken", ["", "no note\n", "flipped"])
def test_a_signature_that_does_not_hold(documents: list[Document], broken: str) -> None:
    checkpoint = kind(documents, "checkpoint")[0]
    if broken == "flipped":
        head, _, end = checkpoint["note"].rpartition(" ")
        broken = f"{head} {end[:20]}{'A' if end[20] != 'A' else 'B'}{end[21:]}"
    checkpoint["note"] = broken
    assert found(documents, "signature_invalid").position == checkpoint["size"]


def test_a_signature_by_nobody_known(made: Maker, documents: list[Document]) -> None:
    checkpoint = kind(documents, "checkpoint")[0]
    made.add_key("checkpoint")
    checkpoint["note"] = made.note(checkpoint["size"])
    assert found(documents, "key_unknown").position == checkpoint["size"]


def test_a_key_nobody_was_told_of(documents: list[Document]) -> None:
    other = Maker(8)
    line = next(line for line in other.key_lines if line["name"] == "receipt")
    documents.insert(1, line)
    assert found(documents, "key_unknown").subject == line["id"]


def test_a_key_in_the_place_of_another(documents: list[Document]) -> None:
    line = next(line for line in kind(documents, "key") if line["name"] == "receipt")
    line["vkey"] = next(line for line in Maker(8).key_lines if line["name"] == "receipt")["vkey"]
    assert found(documents, "key_unknown").subject == line["id"]


def test_a_key_whose_retirement_is_left_out(documents: list[Document]) -> None:
    line = next(line for line in kind(documents, "key") if line["retired_at"] is not None)
    line["retired_at"] = None
    assert found(documents, "key_unknown").actual == f"checkpoint {line['fingerprint']} {line['vkey']}"


def test_a_key_that_signs_after_it_was_retired() -> None:
    made = Maker()
    made.seal()
    stolen = made.secrets["checkpoint"]
    made.rotate("checkpoint")
    made.tick(61)
    made.draft()
    made.secrets["checkpoint"] = stolen
    made.seal()
    documents = reread(made.export())
    assert found(documents, "key_retired").position == len(made.events)


def test_a_broken_link(documents: list[Document]) -> None:
    changed = event(documents, "item.registered")
    rewritten(changed, lambda body: body.update(prev="ab" * 32))
    finding = found(documents, "prev_mismatch")
    assert (finding.position, finding.actual) == (changed["pos"], "ab" * 32)


def test_a_body_in_another_spelling(documents: list[Document]) -> None:
    changed = event(documents, "item.registered")
    changed["body"] = changed["body"].replace(":", ": ", 1)
    changed["row"]["hash"] = hashlib.sha256(b"\0" + changed["body"].encode()).hexdigest()
    assert found(documents, "not_canonical").position == changed["pos"]


def test_names_of_fields_out_of_order(documents: list[Document]) -> None:
    changed = event(documents, "item.drafted")
    pay = json.loads(changed["body"])["pay"]
    listed = ",".join(f'"{name}":"{value}"' for name, value in pay.items())
    other = ",".join(f'"{name}":"{value}"' for name, value in reversed(pay.items()))
    assert listed in changed["body"]
    changed["body"] = changed["body"].replace(listed, other)
    changed["row"]["hash"] = hashlib.sha256(b"\0" + changed["body"].encode()).hexdigest()
    assert found(documents, "not_canonical").position == changed["pos"]


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"rules": "0" * 64}, {"ver": 7}, {"from": 1}, {"att": [{"sha256": "x", "size": 1}]}, {"more": 1},
        {"at": "2026-03-01"}, {"actor": {}}, {"pay": {"title": "x"}}, {"pay": {"a b": "00" * 32}}, {"eff": None},
        {"type": "Item Registered"}, {"req": {"id": 1}}, {"prev": None}, {"seq": "2"}, {"subject": None},
    ],
)  # fmt: skip
def test_a_body_of_another_shape(documents: list[Document], change: Document) -> None:
    changed = event(documents, "item.registered")
    rewritten(changed, lambda body: body.update(change))
    finding = found(documents, "envelope_invalid")
    assert (finding.position, finding.actual) == (changed["pos"], next(iter(change)))


@pytest.mark.parametrize("missing", ["v", "prev", "req", "att"])
def test_a_body_without_one_of_its_members(documents: list[Document], missing: str) -> None:
    changed = event(documents, "item.registered")
    rewritten(changed, lambda body: body.pop(missing))
    assert found(documents, "envelope_invalid").actual == missing


def test_a_body_that_is_no_json(documents: list[Document]) -> None:
    changed = event(documents, "item.registered")
    changed["body"] = "nothing"
    assert found(documents, "envelope_invalid").position == changed["pos"]


def test_a_disclosure_with_another_value(documents: list[Document]) -> None:
    changed = event(documents, "item.drafted")
    changed["say"]["title"][1] = '"另一标题"'
    finding = found(documents, "commitment_mismatch")
    assert (finding.position, finding.expected) == (changed["pos"], json.loads(changed["body"])["pay"]["title"])


def test_a_disclosure_that_was_taken_away(documents: list[Document]) -> None:
    changed = event(documents, "item.drafted")
    del changed["say"]["title"]
    finding = found(documents, "disclosure_missing")
    assert (finding.position, finding.expected) == (changed["pos"], "title")


def test_a_disclosure_nobody_committed_to(documents: list[Document]) -> None:
    changed = event(documents, "item.drafted")
    changed["say"]["verdict"] = ["00" * 32, "true"]
    finding = found(documents, "disclosure_extra")
    assert (finding.position, finding.actual) == (changed["pos"], "verdict")


def test_a_step_the_rules_do_not_know() -> None:
    made = Maker()
    item = made.draft()
    wrong = made.change(item, "item.closure_approved", {}, "closed")
    finding = sealed_and_found(made, "transition_illegal")
    assert (finding.subject, finding.seq, finding.actual) == (str(item), 2, "item.closure_approved: draft -> closed")
    assert finding.position == wrong.position


@pytest.mark.parametrize(
    ("type_", "state"), [("item.described", "closed"), ("item.reclassified", "closed"), ("item.registered", "assigned")]
)
def test_a_state_that_changes_where_it_must_not(type_: str, state: str) -> None:
    made = Maker()
    item = made.draft()
    made.act(item, "submit")
    if type_ == "item.reclassified":
        made.act(item, "register")
        state = "rectifying"
    made.change(item, type_, {}, state)
    assert sealed_and_found(made, "transition_illegal").subject == str(item)


def test_a_state_that_is_not_where_the_event_before_left_it() -> None:
    made = Maker()
    item = made.draft()
    made.items[item]["state"] = "submitted"
    made.act(item, "register")
    assert sealed_and_found(made, "transition_illegal").expected == "from draft"


def test_an_item_that_begins_in_the_middle_of_its_life() -> None:
    made = Maker()
    made.record(Entry("item", made.uuid(), "item.drafted", made.tick(), {}, None, "closed", ver=1, rules=RULES))
    assert sealed_and_found(made, "transition_illegal").expected == "null -> draft"


def test_an_event_after_a_deletion() -> None:
    made = Maker()
    item = made.draft()
    row = dict(made.items[item])
    made.delete_draft(item)
    made.items[item] = {**row, "version": 2}
    made.change(item, "item.described", {"remarks": "仍在"})
    assert sealed_and_found(made, "transition_illegal").seq == 3


def test_rules_that_were_never_published() -> None:
    made = Maker()
    entry = Entry("item", made.uuid(), "item.drafted", made.tick(), {}, None, "draft", ver=1, rules="ab" * 32)
    made.record(entry)
    assert sealed_and_found(made, "rules_unknown").actual == "ab" * 32


def test_published_rules_that_are_not_those_of_their_hash() -> None:
    made = Maker()
    made.config("rules", "rules.published", {"hash": "cd" * 32, "table": [], "events": {}})
    assert sealed_and_found(made, "rules_unknown").expected == "cd" * 32


def test_time_that_goes_back() -> None:
    made = Maker()
    item = made.draft()
    made.now -= timedelta(days=3)
    made.act(item, "submit")
    assert sealed_and_found(made, "time_goes_back").seq == 2


def test_time_of_configuration_that_goes_back_by_more_than_a_moment() -> None:
    made = Maker()
    subject = made.config("category", "category.created", {}).recorded.subject_id
    made.now -= timedelta(seconds=2)
    made.config("category", "category.changed", {}, subject=subject)
    made.seal()
    assert checked(reread(made.export())).findings == []
    made.now -= timedelta(minutes=2)
    made.config("category", "category.changed", {}, subject=subject)
    assert sealed_and_found(made, "time_goes_back").seq == 3


def sealed_and_found(made: Maker, code: str) -> Finding:
    made.seal()
    return found(reread(made.export()), code)


@pytest.mark.parametrize(
    ("column", "value"),
    [("title", "另一标题"), ("state", "closed"), ("cycle", 2), ("lead_unit_id", None), ("created_at", "x"), ("version", 1),
     ("head_hash", "00" * 32), ("closed_offline", 0), ("disposition", "fixed"), ("updated_at", "x")],
)  # fmt: skip
def test_a_changed_column_of_an_item(documents: list[Document], column: str, value: Any) -> None:
    item = next(item for item in kind(documents, "item") if item["row"]["state"] == "planning")
    honest = item["row"][column]
    item["row"][column] = value
    if value == honest:
        item["row"][column] = "00000000-0000-4000-8000-000000000000"
    finding = found(documents, "fold_mismatch")
    assert (finding.subject, finding.expected) == (item["row"]["id"], f"{column} = {honest}")


def test_a_changed_head_is_found_whether_or_not_the_item_was_asked_for(documents: list[Document]) -> None:
    item = kind(documents, "item")[0]
    item["row"]["state"] = "closed"
    report = verify(written(documents), Asked(sample_seed=5))
    assert report.counts["subjects_in_full"] < 8
    assert [(one.code, one.subject) for one in report.findings] == [("fold_mismatch", item["row"]["id"])]


def test_a_row_beside_an_item(documents: list[Document]) -> None:
    row = kind(documents, "row")[0]
    row["row"]["percent"] = 100
    finding = found(documents, "row_mismatch")
    assert finding.subject == row["item"]
    assert str(finding.expected).startswith(f"measure {row['row']['id']}")


def test_a_row_beside_an_item_that_is_gone(documents: list[Document]) -> None:
    row = kind(documents, "row")[0]
    documents.remove(row)
    assert found(documents, "row_missing").expected == f"measure {row['row']['id']}"


def test_a_row_beside_an_item_that_was_never_recorded(documents: list[Document]) -> None:
    row = kind(documents, "row")[0]
    other = "00000000-0000-4000-8000-000000000000"
    extra = {**row, "row": {**row["row"], "id": other}}
    documents.insert(documents.index(row), extra)
    assert found(documents, "row_extra").actual == f"measure {other}"


def test_a_row_beside_no_item(documents: list[Document]) -> None:
    row = kind(documents, "row")[0]
    other = "00000000-0000-4000-8000-000000000000"
    documents.insert(documents.index(row), {**row, "item": other, "row": {**row["row"], "item_id": other}})
    assert found(documents, "row_extra").subject == other


def test_an_item_that_is_gone(documents: list[Document]) -> None:
    item = kind(documents, "item")[0]
    documents.remove(item)
    assert found(documents, "item_missing").subject == item["row"]["id"]


def test_an_item_without_a_history(documents: list[Document]) -> None:
    item = kind(documents, "item")[0]
    other = "00000000-0000-4000-8000-000000000000"
    documents.insert(documents.index(item), {"t": "item", "row": {**item["row"], "id": other}})
    assert found(documents, "item_extra").subject == other


def test_a_deleted_draft_that_has_a_row(documents: list[Document]) -> None:
    deleted = event(documents, "item.draft_deleted")["row"]["subject"]
    item = kind(documents, "item")[0]
    documents.insert(documents.index(item), {"t": "item", "row": {**item["row"], "id": deleted}})
    assert found(documents, "item_extra").subject == deleted


@pytest.mark.parametrize("change", [{"seq": 9}, {"hash": "00" * 32}, {"kind": "unit"}])
def test_a_head_that_is_not_the_end_of_its_chain(documents: list[Document], change: Document) -> None:
    head = kind(documents, "subject")[0]
    head.update(change)
    assert found(documents, "head_mismatch").subject == head["id"]


def test_a_head_without_a_chain(documents: list[Document]) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    head = kind(documents, "subject")[0]
    documents.append({**head, "id": other})
    assert found(documents, "head_mismatch").subject == other


def test_an_attachment(tmp_path: Path) -> None:
    made, content = Maker(), b"scan"
    digest = hashlib.sha256(content).hexdigest()
    item = made.draft()
    made.change(item, "item.evidence_added", {}, fields={"evidence": {"sha256": digest}}, attachments=[(digest, 4)])
    made.seal()
    documents = reread(made.export())
    assert found(documents, "attachment_missing", attachments=tmp_path).expected == digest
    (tmp_path / digest).write_bytes(content)
    assert checked(documents, attachments=tmp_path).findings == []
    (tmp_path / digest).write_bytes(b"scam")
    assert str(found(documents, "attachment_mismatch", attachments=tmp_path).expected) == f"{digest} 4"


def test_a_log_of_another_name(documents: list[Document]) -> None:
    header = documents[0]
    header["log"]["origin"] = header["log"]["origin"].replace("/e1", "/e2")
    assert found(documents, "log_other").expected is not None


def test_an_event_of_a_bundle_that_is_not_under_its_checkpoint(made: Maker) -> None:
    item = next(iter(made.items))
    documents = reread(made.export([item]))
    assert checked(documents).findings == []
    event(documents, "item.registered")["proof"][0] = "00" * 32
    assert found(documents, "inclusion_invalid").seq == 3
    del event(documents, "item.registered")["proof"]
    assert found(documents, "inclusion_invalid").seq == 3


def test_a_bundle_without_a_checkpoint(made: Maker) -> None:
    item = next(iter(made.items))
    documents = [one for one in reread(made.export([item])) if one["t"] != "checkpoint"]
    assert "checkpoint_missing" in checked(documents).found


def test_a_bundle_without_an_item_it_names(made: Maker) -> None:
    item = next(iter(made.items))
    documents = reread(made.export([item]))
    missing = "00000000-0000-4000-8000-000000000000"
    documents[0]["scope"]["ids"].append(missing)
    assert found(documents, "item_missing").subject == missing


def test_retained_notes_find_what_the_file_alone_does_not(made: Maker) -> None:
    """A history rewritten as a whole, with the true keys."""
    notes = [str(checkpoint["note"]) for checkpoint in made.checkpoints]
    submitted = [one for one in made.events if one.row["type"] == "item.submitted"][-1]
    receipt = made.receipt(submitted)
    other = rewritten_whole(made)
    documents = reread(other.export())
    assert checked(documents).verdict is Verdict.SELF_CONSISTENT_ONLY
    assert found(documents, "fork", against=(notes[0],)).position == made.checkpoints[0]["size"]
    unsealed = [one for one in documents if one["t"] != "checkpoint" or one["size"] != made.checkpoints[0]["size"]]
    assert found(unsealed, "not_consistent", against=(notes[0],)).position == made.checkpoints[0]["size"]
    assert found(documents, "receipt_broken", against=(receipt,)).position == submitted.position


def rewritten_whole(made: Maker) -> Maker:
    """The same history with another title, everything after it recomputed and signed."""
    other = Maker(made.seed)
    first, second, gone = other.draft(), other.draft(description="账实相符"), other.draft()
    for action in ("submit", "register", "assign", "acknowledge"):
        other.act(first, action)
    measure = other.measure(first, "无需核对")
    other.seal()
    other.tick(90)
    other.rotate("checkpoint")
    other.delete_draft(gone)
    other.progress(first, measure, 40)
    other.act(second, "submit")
    other.seal()
    other.config("category", "category.created", {"code": "a"})
    other.number()
    return other


def test_a_history_that_was_cut_off(made: Maker) -> None:
    note, receipt = str(made.checkpoints[0]["note"]), made.receipt(made.events[-2])
    cut = Maker(made.seed)
    cut.draft()
    cut.seal()
    cut.now = made.now + timedelta(minutes=5)
    documents = reread(cut.export())
    assert found(documents, "history_cut", against=(note,)).expected == f"{made.checkpoints[0]['size']} positions"
    assert found(documents, "history_cut", against=(receipt,)).expected == made.events[-2].id


def test_a_retained_checkpoint_the_file_does_not_have(made: Maker, documents: list[Document]) -> None:
    note = str(made.checkpoints[0]["note"])
    without = [one for one in documents if one["t"] != "checkpoint" or one["note"] != note]
    assert found(without, "checkpoint_missing", against=(note,)).position == made.checkpoints[0]["size"]


def test_a_retained_note_by_a_key_the_file_does_not_have(made: Maker, documents: list[Document]) -> None:
    made.add_key("checkpoint")
    assert found(documents, "key_unknown", against=(made.note(10),)).actual == "10"


def test_a_receipt_for_what_was_never_sealed(made: Maker) -> None:
    event = made.events[-1]
    receipt = made.receipt(event)
    assert checked(reread(made.export()), against=(receipt,)).findings == []
    made.now += timedelta(minutes=2)
    documents = reread(made.export())
    finding = found(documents, "receipt_broken", against=(receipt,))
    assert (finding.position, finding.actual) == (event.position, "not sealed")
    late = checked(documents)
    assert (late.verdict, [one.code for one in late.findings]) == (Verdict.STALE, ["unsealed_overdue"])


def test_the_place_an_event_waits_for() -> None:
    made = ordinary()
    waiting: Made = made.config("category", "category.created", {})
    documents = reread(made.export())
    assert checked(documents).findings == []
    documents[0]["at"] = instant(made.now + timedelta(minutes=2))
    report = checked(documents)
    assert (report.verdict, report.findings[-1].subject) == (Verdict.STALE, str(waiting.recorded.subject_id))


def test_every_code_is_shown_by_a_test_here() -> None:
    """The catalogue holds no code that nothing can produce; "framing" is of a file that is none: test_verify.py."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [code for code in CODES if f'"{code}"' not in text] == []
