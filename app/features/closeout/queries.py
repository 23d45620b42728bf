"""Reading verdicts on gates, and why an item is not closed yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.core import clock
from app.core.db import Reader, Row
from app.core.errors import Problem, Text
from app.core.keyset import Keyset
from app.core.paging import Cursor
from app.features.closeout import schemas
from app.features.closeout.head import Head, read_head, withhold
from app.features.closeout.rules import SurveyKind
from app.lifecycle.facts import Facts, Unmet
from app.lifecycle.gather import gather, read_items
from app.lifecycle.judge import Step, build_facts, everything_named
from app.lifecycle.parties import parties
from app.lifecycle.readiness import NEXT, Readiness, readiness
from app.lifecycle.states import Action, Gate, State
from app.lifecycle.view import own_items

_COLUMNS: Final = """
g.id, g.item_id, g.cycle, g.submission_no, g.gate, g.part, g.result, g.detail, g.comment, g.judge_id, g.judge_unit_id,
g.on_behalf_of, g.occurred_at, g.recorded_at, to_jsonb(s) AS survey
"""
_FROM: Final = (
    "FROM gate_result g LEFT JOIN survey s ON s.item_id = g.item_id AND s.id = (g.detail->>'survey_id')::uuid"
)
RESULTS: Final = Keyset(_COLUMNS, f"{_FROM} WHERE g.item_id = $1 AND g.submission_no = $2", ["g.id"], conditions=2)
RESULT: Final = f"SELECT {_COLUMNS} {_FROM} WHERE g.item_id = $1 AND g.id = $2"
LATEST: Final = f"""
SELECT DISTINCT ON (g.gate, g.part) {_COLUMNS} {_FROM}
WHERE g.item_id = $1 AND g.submission_no = $2 ORDER BY g.gate, g.part, g.changed_seq DESC
"""

_TEXTS: Final = ("comment", "solved", "checklist", "waiver_reason")
_COUNTS: Final = (
    "invited", "satisfied", "basically_satisfied", "dissatisfied", "unknown", "invalid", "unanswered_named", "scan_id",
)  # fmt: skip
_VOICES: Final = "gate.people_satisfied.unanswered_dissatisfaction"
_VOICES_TEXT: Final = Text("有实名不满意意见尚未答复", "Named dissatisfied voices have no answer yet")


async def gates(
    reader: Reader, actor: Actor, item_id: UUID, query: schemas.GateQuery, cursor: Cursor
) -> tuple[Head, schemas.GatePage]:
    """The gates of the current submission and a page of the verdicts on the one asked for; raises not_found."""
    head = await read_head(reader, actor, item_id)
    number = query.submission_no or head.row["submission_no"]
    sheet = await RESULTS.read(reader, (item_id, number), query, cursor)
    latest = await _latest(reader, head)
    page = schemas.GatePage(
        items=[_result(row, head) for row in sheet.rows],
        submission_no=number,
        gates=[_state(head, gate, latest) for gate in Gate],
        **sheet.envelope(),
    )
    return head, page


async def gate_result(reader: Reader, head: Head, result_id: UUID) -> schemas.GateResultOut:
    """One verdict as this caller reads it; raises not_found."""
    row = await reader.fetchrow(RESULT, head.id, result_id)
    if row is None:
        raise Problem("not_found")
    return _result(row, head)


async def closing_readiness(reader: Reader, actor: Actor, item_id: UUID) -> tuple[Head, schemas.ClosingReadinessOut]:
    """What is missing for closing, and who can supply it; the reader must be one snapshot. Raises not_found."""
    head = await read_head(reader, actor, item_id)
    facts = await _facts(reader, actor, item_id)
    latest = await _latest(reader, head)
    findings = {gate: _findings(row, head) for (gate, part), row in latest.items() if part == schemas.GatePart.WHOLE}
    movers = (await own_items(reader, actor, [item_id]))[item_id].next_movers
    return head, _readiness_out(facts, readiness(facts, findings), movers, actor.language)


async def _facts(reader: Reader, actor: Actor, item_id: UUID) -> Facts:
    row = (await read_items(reader, [item_id]))[item_id]
    now = clock.shifted(row["db_now"])
    gathered, calendar = await gather(reader, [item_id], everything_named(actor, [row]), clock.beijing_date(now))
    step = Step(item_id, NEXT.get(State(row["state"]), Action.REOPEN), None, None)
    return build_facts(step, actor, parties(actor, row), row, gathered[item_id], calendar, now, {}, ())


async def _latest(reader: Reader, head: Head) -> dict[tuple[Gate, str], Row]:
    rows = await reader.fetch(LATEST, head.id, head.row["submission_no"])
    return {(Gate(row["gate"]), row["part"]): row for row in rows}


def _state(head: Head, gate: Gate, latest: Mapping[tuple[Gate, str], Row]) -> schemas.GateStateOut:
    whole, sub_check = latest.get((gate, "whole")), latest.get((gate, "accountability"))
    return schemas.GateStateOut(
        gate=gate,
        status=head.row[f"gate_{gate}"],
        latest=None if whole is None else _result(whole, head),
        accountability=None if sub_check is None else _result(sub_check, head),
    )


def _result(row: Row, head: Head) -> schemas.GateResultOut:
    detail = row["detail"]
    shown: dict[str, Any] = dict(row) | {
        "solved": detail.get("solved"),
        "checklist": detail.get("checklist"),
        "waiver_reason": detail.get("waiver_reason"),
    }
    masked = [] if head.unmasked else withhold(shown, _TEXTS)
    if row["survey"] is not None:
        shown["survey"], sealed = _survey(row, head)
        masked += sealed
        if sealed and shown["survey"]["kind"] == SurveyKind.RETURN_VISIT:
            masked += withhold(shown, ("comment",))
    shown["unmet"] = [
        {"rule": reason.rule, "detail": reason.text.of(head.actor.language), "about": about}
        for reason, about in _reasons(row, head)
    ]
    return schemas.GateResultOut.model_validate(shown | {"masked_fields": masked})


def _confidant(row: Row, head: Head) -> bool:
    """Who reads how single people answered: the runner, who recorded it, and those who oversee."""
    own = head.actor.person_id is not None and str(head.actor.person_id) in {
        str(row["judge_id"]),
        row["survey"]["runner_id"],
    }
    return own or head.over_ledger(Role.DISCIPLINE_OFFICE, Role.AUDITOR)


def _survey(row: Row, head: Head) -> tuple[dict[str, Any], list[str]]:
    shown = dict(row["survey"])
    if _confidant(row, head):
        return shown, []
    visited = shown["kind"] == SurveyKind.RETURN_VISIT
    names = _COUNTS if visited else ("unanswered_named",)
    shown |= dict.fromkeys(names)
    return shown, [f"survey.{name}" for name in names]


def _reasons(row: Row, head: Head) -> list[tuple[Unmet, str | None]]:
    """The reasons recorded with a verdict; those of a confidential survey only as far as its reader may know."""
    found = [
        (Unmet(entry["rule"], Text(entry["zh"], entry["en"]), tuple(entry.get("who", ()))), entry.get("about"))
        for entry in row["detail"].get("unmet", ())
    ]
    if row["survey"] is None or _confidant(row, head):
        return found
    if row["survey"]["kind"] == SurveyKind.RETURN_VISIT:
        return []
    return [(Unmet(r.rule, _VOICES_TEXT, r.who) if r.rule == _VOICES else r, about) for r, about in found]


def _findings(row: Row, head: Head) -> list[Unmet]:
    return [reason for reason, _ in _reasons(row, head)]


def _readiness_out(facts: Facts, found: Readiness, movers: list[Any], language: str) -> schemas.ClosingReadinessOut:
    return schemas.ClosingReadinessOut(
        item_id=facts.item["id"],
        state=facts.state,
        version=facts.item["version"],
        next_action=found.next_action,
        ready=found.ready,
        gates=[
            schemas.GateReadinessOut(gate=g.gate, status=g.status, missing=_missing(g.missing, language))
            for g in found.gates
        ],
        guards=_missing(found.guards, language),
        sod_fallback=facts.policy.sod_fallback,
        chain=[
            schemas.ChainStepOut(
                step=link.step,
                role=link.role,
                label=link.label.of(language),
                signed=link.signed,
                signer_id=link.signer_id,
            )
            for link in found.chain
        ],
        next_movers=movers,
    )


def _missing(found: tuple[Unmet, ...], language: str) -> list[schemas.MissingOut]:
    return [schemas.MissingOut(rule=u.rule, detail=u.text.of(language), who=list(u.who)) for u in found]
