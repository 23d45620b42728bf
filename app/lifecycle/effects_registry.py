"""Effects that change what stands in the register: numbering, merging, splitting, voiding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.core.ids import uuid7
from app.lifecycle.action_data import plain
from app.lifecycle.effect import Effect, NewItem, Touch
from app.lifecycle.effects_common import stamp
from app.lifecycle.facts import Facts
from app.lifecycle.states import Action, State
from app.tables.item import FAR, DuplicateVerdict

A = Action
_INHERITED = (
    "ledger_id", "source_type", "source_schema_version", "source_document", "source_document_no", "source_quote",
    "source_path", "source_fields", "source_unit_id", "finder_person_id", "finder_unit_id", "confidentiality",
    "major_kind", "major_basis", "found_on", "supervision_level",
)  # fmt: skip


def _register(f: Facts) -> Effect:
    data = f.data
    changes: dict[str, Any] = {
        "registered_at": f.now, "registered_sort": f.now, "cycle_started_at": f.occurred_at,
    }  # fmt: skip
    for name in ("category", "severity", "confidentiality"):
        if getattr(data, name) is not None:
            changes[name] = stamp(getattr(data, name))
    if data.major_matter is not None:
        changes |= {"major_kind": data.major_matter.kind.value, "major_basis": data.major_matter.basis}
    scores = {candidate.item_id: candidate.score_permille for candidate in f.candidates}
    answers = [
        (DuplicateVerdict, {
            "candidate_id": answer.item_id, "verdict": answer.verdict.value, "score_permille": scores[answer.item_id],
            "decided_by": f.actor_person_id,
        })
        for answer in data.duplicates
        if answer.item_id in scores
    ]  # fmt: skip
    return Effect(changes, plain(data), inserts=list(answers), needs_number=True, text_changed=True)


def _merge(f: Facts) -> Effect:
    touch = Touch(f.data.target_id, f.item, own_source_too=True)
    return Effect({"merged_into_id": f.data.target_id}, plain(f.data), touches=[touch])


def _split(f: Facts) -> Effect:
    children = [_child(f, child) for child in f.data.children]
    # Their words are in the children's own history, which may one day be read by fewer people than this one.
    told = {"reason": f.data.reason, "child_ids": [str(child.id) for child in children]}
    return Effect({}, told, created=children)


def _child(f: Facts, spec: Any) -> NewItem:
    inherited: Mapping[str, Any] = {name: f.item[name] for name in _INHERITED}
    columns = dict(inherited) | {
        "title": spec.title, "description": spec.description, "category": spec.category or f.item["category"],
        "severity": stamp(spec.severity) or f.item["severity"],
        "responsible_unit_id": spec.responsible_unit_id or f.item["responsible_unit_id"],
        "split_from_id": f.item["id"], "state": State.REGISTERED.value, "registered_at": f.now, "registered_sort": f.now,
        "cycle_started_at": f.occurred_at, "effective_at": f.occurred_at, "due_sort": FAR,
    }  # fmt: skip
    told = {"title": spec.title, "description": spec.description, "split_from_id": str(f.item["id"])}
    return NewItem(uuid7(), columns, told)


def _void(f: Facts) -> Effect:
    effect = Effect({"disposition": f.data.reason_code.value}, plain(f.data))
    if f.foreign_origins:
        effect.touches.append(Touch(f.data.rehome_to_id, f.item, own_source_too=False))
    return effect


REGISTRY_EFFECTS: dict[Action, Callable[[Facts], Effect]] = {
    A.REGISTER: _register,
    A.MERGE: _merge,
    A.SPLIT: _split,
    A.VOID: _void,
}
