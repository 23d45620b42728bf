"""The offline verifier on honest histories, on files that are none, and the verdicts between."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.lifecycle.create import blank
from app.lifecycle.states import Action
from app.lifecycle.told import IN_THE_BODY, WORDS
from app.lifecycle.transitions import BY_ACTION, TABLE
from app.trail.canonical import jsonable
from app.trail.proof import chains, fold
from app.trail.proof.findings import FINDINGS_KEPT, Report, Verdict
from app.trail.proof.retained import Policy, parse_age, parse_policy, read_retained
from app.trail.proof.strict import Malformed
from app.trail.proof.tell import told_in_words
from app.trail.proof.verify import Asked, verify
from app.trail.proof.walk import Choice
from app.trail.rows import UNCOVERED
from tests.trail.proof.history_maker import BEGUN, Maker, ordinary, reread, written


def strictly(lines: Iterable[bytes], **asked: Any) -> Report:
    return verify(lines, Asked(strict=True, **asked))


def pinned(made: Maker) -> Policy:
    return Policy(made.origin, tuple(str(line["vkey"]) for line in made.key_lines if line["vkey"]))


# --- honest histories ---


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 80), st.integers(1, 4))
def test_honest_histories_verify(seed: int, items: int, steps: int, seals: int) -> None:
    made = Maker(seed)
    for _ in range(items):
        made.draft(description="账实不符")
    notes = [made.seal()]
    for number in range(steps):
        made.wander(made.random.choice(list(made.items)))
        if number % max(1, steps // seals) == 0:
            notes.append(made.seal())
        if number == steps // 2:
            made.rotate("checkpoint")
    made.seal()
    report = strictly(made.export(), against=tuple(notes), policy=pinned(made))
    assert (report.verdict, report.findings) == (Verdict.VERIFIED, [])
    assert report.counts["events_in_full"] == len(made.events)
    assert verify(made.export(), Asked(against=tuple(notes[-1:]), sample_seed=seed)).verdict is Verdict.VERIFIED
    chosen = list(made.items)[:2]
    bundle = strictly(made.export(chosen), against=(str(made.checkpoints[-1]["note"]),))
    assert (bundle.verdict, bundle.findings) == (Verdict.VERIFIED, [])


def test_what_was_looked_at_is_counted() -> None:
    made = ordinary()
    report = strictly(made.export())
    assert report.counts == {
        "lines": len(made.export()), "events": 20, "positions": 20, "unnumbered": 0, "checkpoints": 2, "signed": 2,
        "items": 2, "subjects_in_full": 11, "events_in_full": 20, "redacted": 0, "withheld": 0,
    }  # fmt: skip
    assert report.checkpoint == {"size": 19, "root": made.checkpoints[-1]["root"]}


def test_a_redacted_disclosure_is_accounted_for() -> None:
    made = Maker()
    item = made.draft(description="账实不符，经办人李明")
    drafted = made.events[-1]
    made.act(item, "submit")
    made.redact(item, drafted, "description")
    made.seal()
    report = strictly(made.export())
    assert (report.findings, report.counts["redacted"]) == ([], 1)
    documents = reread(made.export())
    row = next(one["row"] for one in documents if one["t"] == "item")
    assert row["description"] == fold.REDACTED
    row["description"] = "账实不符，经办人李明"
    assert strictly(written(documents)).found == {"fold_mismatch": 1}


@pytest.mark.parametrize(("shown", "told"), [(None, True), (fold.REDACTED, True), ("账实不符", False)])
def test_a_column_whose_newest_telling_is_redacted_is_blank(shown: str | None, told: bool) -> None:
    """Where the redaction does not tell the column anew, the row must still show that words were taken out."""
    made = Maker()
    item = made.draft(description="账实不符")
    drafted = made.events[-1]
    del drafted.say["description"]
    made.items[item]["description"] = shown
    fields = {"redacted": [{"event": drafted.id, "field": "description"}]}
    made.change(item, "item.redacted", {}, fields=fields)
    made.seal()
    assert (strictly(made.export()).findings == []) is told


def test_withheld_fields_are_counted_and_excused_in_what_a_recipient_was_given() -> None:
    made = ordinary()
    item = next(iter(made.items))
    documents = reread(made.export([item]))
    documents[0]["scope"]["withheld"] = True
    documents = [one for one in documents if one["t"] not in {"item", "row"}]
    drafted = next(one for one in documents if one["t"] == "event" and one["row"]["type"] == "item.drafted")
    del drafted["say"]["title"]
    assert strictly(written(documents)).found == {"disclosure_missing": 1}
    drafted["withheld"] = ["title"]
    report = strictly(written(documents))
    assert (report.findings, report.counts["withheld"]) == ([], 1)


def test_a_field_cannot_be_withheld_in_an_export_of_everything() -> None:
    documents = reread(ordinary().export())
    drafted = next(one for one in documents if one["t"] == "event" and one["row"]["type"] == "item.drafted")
    del drafted["say"]["title"]
    drafted["withheld"] = ["title"]
    assert strictly(written(documents)).found == {"disclosure_missing": 1, "fold_mismatch": 1}


def test_events_of_before_told_less_and_what_they_told_is_compared() -> None:
    folded = fold.Folded()
    folded.begin("", {"title"})
    folded.tell({"title": "甲"}, ())
    head = chains.Link(1, "00", "", "draft", "item")
    shown = {"version": 1, "head_hash": "00", "state": "draft", "created_at": "", "updated_at": "", "title": "甲"}
    assert list(folded.differences({**shown, "cycle": 9}, head)) == []
    assert [name for name, _, _ in folded.differences({**shown, "title": "乙"}, head)] == ["title"]


# --- verdicts ---


def test_without_anything_from_outside_a_file_is_consistent_with_itself_only() -> None:
    made = ordinary()
    assert strictly(made.export()).verdict is Verdict.SELF_CONSISTENT_ONLY
    assert strictly(made.export(), policy=pinned(made)).verdict is Verdict.SELF_CONSISTENT_ONLY


def test_a_retained_checkpoint_vouches_for_what_it_covers() -> None:
    made = ordinary()
    report = strictly(made.export(), against=(str(made.checkpoints[0]["note"]),))
    assert (report.verdict, report.anchored) == (Verdict.VERIFIED, made.checkpoints[0]["size"])
    assert any("第 14 条之后" in line for line in told_in_words(report))


def test_a_receipt_vouches_for_its_item_when_that_was_asked_for() -> None:
    made = ordinary()
    item = next(iter(made.items))
    receipt = made.receipt(next(one for one in made.events if one.recorded.subject_id == item))
    assert strictly(made.export(), against=(receipt,)).verdict is Verdict.SELF_CONSISTENT_ONLY
    asked = Asked(items=frozenset({str(item)}), against=(receipt,))
    assert verify(made.export(), asked).verdict is Verdict.VERIFIED
    assert verify(made.export([item]), Asked(against=(receipt,))).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("wrap", ["header", "bare", "proof"])
def test_notes_are_taken_in_every_form_in_which_they_are_given(wrap: str) -> None:
    import base64

    from app.trail.proof.proofs import InclusionProof, format_proof

    made = ordinary()
    note = made.note(4)
    text = base64.b64encode(made.receipt(made.events[0]).encode()).decode()
    given = {
        "header": f"Rectify-Receipt: {text}\n",
        "bare": text,
        "proof": format_proof(InclusionProof(0, (), note.encode())).decode(),
    }[wrap]
    kept = read_retained(given)
    assert kept.says == read_retained(note if wrap == "proof" else made.receipt(made.events[0])).says


def test_what_is_younger_than_the_file_cannot_be_compared() -> None:
    made = ordinary()
    lines = made.export()
    late = made.receipt(made.config("category", "category.created", {}))
    made.tick(100)
    later = made.receipt(made.config("category", "category.created", {}))
    for receipt in (late, later):
        report = strictly(lines, against=(receipt,))
        assert report.verdict is Verdict.SELF_CONSISTENT_ONLY
        assert [note.compared for note in report.notes] == [False]


def test_a_bundle_can_be_compared_with_a_checkpoint_of_its_own_size_only() -> None:
    made = ordinary()
    item = next(iter(made.items))
    older = strictly(made.export([item]), against=(str(made.checkpoints[0]["note"]),))
    assert (older.verdict, older.notes[0].compared) == (Verdict.SELF_CONSISTENT_ONLY, False)
    same = strictly(made.export([item]), against=(str(made.checkpoints[1]["note"]),))
    assert same.verdict is Verdict.VERIFIED
    forged = made.note(int(made.checkpoints[1]["size"]), bytes(32))
    assert strictly(made.export([item]), against=(forged,)).found == {"fork": 1}


def test_a_receipt_of_another_item_says_nothing_of_a_bundle() -> None:
    made = ordinary()
    first, second = list(made.items)
    receipt = made.receipt(next(one for one in made.events if one.recorded.subject_id == second))
    report = strictly(made.export([first]), against=(receipt,))
    assert (report.verdict, report.notes[0].compared) == (Verdict.SELF_CONSISTENT_ONLY, False)


def test_how_old_the_newest_sealed_event_may_be() -> None:
    made = ordinary()
    note = str(made.checkpoints[1]["note"])
    for days, verdict in ((2, Verdict.VERIFIED), (4, Verdict.STALE)):
        asked: dict[str, Any] = {"now": BEGUN + timedelta(days=days), "against": (note,)}
        assert strictly(made.export(), max_age=timedelta(days=3), **asked).verdict is verdict
        policy = Policy(**{**vars(pinned(made)), "max_age": timedelta(days=3)})
        assert strictly(made.export(), policy=policy, **asked).verdict is verdict
        item = next(iter(made.items))
        assert strictly(made.export([item]), max_age=timedelta(days=3), **asked).verdict is verdict


def test_a_policy_pins_the_log_its_keys_and_its_size() -> None:
    made, policy = ordinary(), pinned(ordinary())
    note = str(made.checkpoints[1]["note"])
    assert strictly(made.export(), policy=policy, against=(note,)).verdict is Verdict.VERIFIED
    other = Policy("another/log", policy.vkeys)
    assert "log_other" in strictly(made.export(), policy=other).found
    fewer = Policy(policy.origin, policy.vkeys[:1])
    assert "key_unknown" in strictly(made.export(), policy=fewer).found
    larger = Policy(policy.origin, policy.vkeys, None, 20)
    assert strictly(made.export(), policy=larger).found == {"history_cut": 1}


def test_a_whole_file_by_other_keys_is_found_by_the_policy() -> None:
    """The same log name, keys of one's own: consistent with itself, and signed by nobody the reader trusts."""
    made, forged = ordinary(), ordinary()
    forged.random.seed(99)
    swapped = Maker(7)
    swapped.random.seed(99)
    for name in ("receipt", "checkpoint"):
        swapped.rotate(name)
    swapped.seal()
    assert strictly(swapped.export()).verdict is Verdict.SELF_CONSISTENT_ONLY
    assert "key_unknown" in strictly(swapped.export(), policy=pinned(made)).found


def test_the_sample_is_drawn_from_the_seed_and_holds_one_in_a_hundred() -> None:
    subjects = [str(number) for number in range(20_000)]
    drawn = [{one for one in subjects if Choice(seed=seed).takes(one, "item")} for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 120 < len(drawn[0]) < 280
    assert Choice().takes("any", "key")


def test_what_is_not_in_the_sample_is_not_looked_at_and_the_report_says_so() -> None:
    made = ordinary()
    documents = reread(made.export())
    drafted = next(one for one in documents if one["t"] == "event" and one["row"]["type"] == "item.drafted")
    drafted["say"]["title"][1] = '"另一标题"'
    seed = next(seed for seed in range(100) if not Choice(seed=seed).takes(drafted["row"]["subject"], "item"))
    report = verify(written(documents), Asked(sample_seed=seed))
    assert report.findings == []
    assert any(f"--sample-seed {seed}" in line for line in told_in_words(report))
    asked = frozenset({drafted["row"]["subject"]})
    assert verify(written(documents), Asked(asked, sample_seed=seed)).found == {"commitment_mismatch": 1}


def test_findings_are_listed_up_to_a_limit_and_counted_beyond() -> None:
    made = Maker()
    for _ in range(FINDINGS_KEPT + 5):
        made.config("category", "category.created", {"code": "a"})
    made.seal()
    documents = reread(made.export())
    for document in documents:
        if document["t"] == "event":
            document["say"] = {}
    report = strictly(written(documents))
    assert len(report.findings) == FINDINGS_KEPT
    assert report.found["disclosure_missing"] > FINDINGS_KEPT
    assert "未列出" in list(told_in_words(report))[-1]


# --- files that are none ---


def broken() -> dict[str, list[bytes]]:
    lines = ordinary().export()
    header, *rest = lines
    swapped = [*lines]
    swapped[8], swapped[-4] = swapped[-4], swapped[8]
    return {
        "empty": [],
        "no end": lines[:-1],
        "twice": [*lines, *lines],
        "more after the end": [*lines, rest[0]],
        "no header": rest,
        "two headers": [header, *lines],
        "out of order": swapped,
        "a line left out": lines[:3] + lines[4:],
        "no newline": [*lines[:-1], lines[-1].rstrip(b"\n")],
        "an empty line": [header, b"\n", *rest],
        "no JSON": [header, b"{\n", *rest],
        "another spelling": [header.replace(b",", b", ", 1), *rest],
        "no UTF-8": [header, b'{"t":"\xff"}\n', *rest],
        "another format": [header.replace(b"rl-export/1", b"rl-export/2"), *rest],
        "another kind": [header, b'{"t":"word"}\n', *rest],
        "a list": [header, b"[]\n", *rest],
        "a float": [header.replace(b'"size":20', b'"size":20.0'), *rest],
        "deep": [header, b"[" * 100_000 + b"\n", *rest],
        "lone surrogate": [line.replace("问题".encode(), rb"\ud800") for line in lines],
        "text for a proof": [line.replace(b'"say":', b'"proof":["x"],"say":') for line in lines],
    }


@pytest.mark.parametrize("name", broken())
def test_what_is_no_export_is_malformed_and_no_exception(name: str) -> None:
    report = strictly(broken()[name])
    assert report.verdict is Verdict.MALFORMED
    assert report.reason
    if report.findings:
        assert report.findings[-1].code == "framing"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_line_may_be_anything_and_is_never_an_exception_nor_taken_for_verified(data: st.DataObject) -> None:
    made = ordinary()
    lines = made.export()
    number = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[number])
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] = data.draw(st.integers(0, 255).filter(lambda value: value != line[position]))
    lines[number] = bytes(line)
    report = strictly(lines, against=(str(made.checkpoints[1]["note"]),))
    assert report.verdict in {Verdict.MALFORMED, Verdict.TAMPERED}


@pytest.mark.parametrize(
    "key", ["from", "to", "prev", "seq", "subject", "type", "at", "rules", "id", "pay", "att", "v"]
)
def test_a_body_without_one_of_its_keys_is_a_finding(key: str) -> None:
    made = ordinary()
    for number, line in enumerate(made.export()):
        spoilt = line.replace(f'\\"{key}\\":'.encode(), f'\\"_{key}\\":'.encode())
        if spoilt != line:
            lines = made.export()
            lines[number] = spoilt
            assert strictly(lines).verdict in {Verdict.MALFORMED, Verdict.TAMPERED}


@pytest.mark.parametrize("text", ["", "no note", "rl-receipt/v1\n\n— a b\n", "AAAA", "c2sp.org/tlog-proof@v1\n"])
def test_what_is_no_note_is_malformed(text: str) -> None:
    report = strictly(ordinary().export(), against=(text,))
    assert (report.verdict, report.notes) == (Verdict.MALFORMED, [])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"origin": "a"}', '{"origin": "a", "vkeys": "b"}', '{"origin": "a", "vkeys": ["b"]}',
     '{"origin": "a", "vkeys": [], "more": 1}', '{"origin": "a", "vkeys": [], "min_size": "1"}',
     '{"origin": "a", "vkeys": [], "max_age": "soon"}'],
)  # fmt: skip
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(Malformed):
        parse_policy(text)


def test_a_policy_as_it_is_written() -> None:
    made = pinned(ordinary())
    text = json.dumps({"origin": made.origin, "vkeys": made.vkeys, "max_age": "3d", "min_size": 4})
    assert parse_policy(text) == Policy(made.origin, made.vkeys, timedelta(days=3), 4)
    assert [parse_age(age) for age in ("90s", "5m", "12h")] == [
        timedelta(seconds=90), timedelta(minutes=5), timedelta(hours=12),
    ]  # fmt: skip


# --- what the formats say and the product does ---


def test_an_untold_column_is_what_the_product_begins_with() -> None:
    first = {name: jsonable(value) for name, value in blank(BEGUN).items() if not isinstance(value, bytes)}
    always_told = {"ledger_id", "title", "source_type", "source_schema_version", "finder_unit_id", "confidentiality",
                   "number_sort", "light_reasons", "movers"}  # fmt: skip
    assert {name: value for name, value in first.items() if name not in IN_THE_BODY | always_told} == fold.BLANK


def test_the_words_of_an_item_are_those_the_product_tells_apart() -> None:
    assert fold.TOLD_WORDS == WORDS
    assert fold.NOT_DIGESTED == UNCOVERED


def test_actions_that_stay_where_they_are_can_be_told_from_the_published_table() -> None:
    stays = {row.action for row in TABLE if set(row.sources) == set(row.to) and len(row.to) > 1}
    assert stays == {Action.RECLASSIFY, Action.HAND_OVER}
    assert {BY_ACTION[action].target.__name__ for action in stays} == {"_stay"}
    assert sum(row.target.__name__ == "_stay" for row in TABLE) == len(stays)


def test_lines_end_where_the_next_begins(tmp_path: Path) -> None:
    """A file read by the line gives the same lines, packed or not."""
    lines = ordinary().export()
    path = tmp_path / "export.ndjson.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    with gzip.open(path) as file:
        assert strictly(file).findings == []
    assert all(before != after for before, after in pairwise(lines))
