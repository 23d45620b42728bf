"""The two reads of every transition: lock the rows, then gather all facts.

Never in one statement: READ COMMITTED would pair the new row with the children as they were before the wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from app.access.separation import Conflicts
from app.core import clock
from app.core.db import Reader, Row, Tx
from app.core.workdays import Calendar
from app.lifecycle import facts as f
from app.lifecycle.calendars import load_calendar
from app.lifecycle.policy import PolicyRules

_CONTEXT = """
    l.unit_id AS ledger_unit_id, lu.ancestors AS ledger_ancestors, le.ancestors AS lead_ancestors,
    so.ancestors AS source_ancestors
"""
_JOINS = """
    JOIN ledger l ON l.id = i.ledger_id JOIN unit lu ON lu.id = l.unit_id
    LEFT JOIN unit le ON le.id = i.lead_unit_id LEFT JOIN unit so ON so.id = i.source_unit_id
"""
LOCK = f"""
SELECT i.*, {_CONTEXT}, clock_timestamp() AS db_now FROM item i {_JOINS}
WHERE i.id = ANY($1::uuid[]) ORDER BY i.id FOR UPDATE OF i
"""  # noqa: S608 - constants of this module
READ = f"SELECT i.*, {_CONTEXT}, clock_timestamp() AS db_now FROM item i {_JOINS} WHERE i.id = ANY($1::uuid[])"  # noqa: S608

FACTS = """
SELECT i.id,
 (SELECT coalesce(json_agg(json_build_array(m.id, m.status, m.unit_id, m.person_id, m.due_on, m.author_id,
      m.on_behalf_of)), '[]')
    FROM measure m WHERE m.item_id = i.id AND m.cycle = i.cycle) AS measures,
 (SELECT coalesce(json_agg(json_build_array(c.id, (SELECT count(*) FROM evidence e WHERE e.item_id = i.id
      AND e.target_kind = 'criterion' AND e.target_id = c.id), c.author_id, c.on_behalf_of)), '[]')
    FROM criterion c WHERE c.item_id = i.id AND c.cycle = i.cycle) AS criteria,
 (SELECT coalesce(json_agg(e.id), '[]') FROM evidence e WHERE e.item_id = i.id) AS evidence,
 (SELECT coalesce(json_agg(e.id), '[]') FROM evidence e WHERE e.item_id = i.id AND e.cycle = i.cycle
   AND e.target_kind = 'criterion') AS criterion_evidence,
 (SELECT json_build_object(
    'measures', (SELECT coalesce(json_agg(json_build_object('id', m.id, 'content', m.content, 'kind', m.kind,
      'unit_id', m.unit_id, 'person_id', m.person_id, 'due_on', m.due_on, 'weight', m.weight) ORDER BY m.position, m.id),
      '[]') FROM measure m WHERE m.item_id = i.id AND m.cycle = i.cycle),
    'criteria', (SELECT coalesce(json_agg(json_build_object('id', c.id, 'content', c.content,
      'is_physical', c.is_physical) ORDER BY c.position, c.id), '[]')
      FROM criterion c WHERE c.item_id = i.id AND c.cycle = i.cycle))
  WHERE i.state IN ('assigned', 'planning')) AS plan_content,
 (SELECT coalesce(json_agg(json_build_array(g.gate, g.part, g.result, g.judge_id, g.on_behalf_of) ORDER BY g.changed_seq), '[]')
    FROM gate_result g WHERE g.item_id = i.id AND g.submission_no = i.submission_no) AS gates,
 (SELECT coalesce(json_agg(json_build_array(a.purpose, a.role, a.opinion, a.step, a.signer_id, a.closing_round,
      a.recorded_at, a.on_behalf_of, a.changed_seq) ORDER BY a.changed_seq), '[]')
    FROM approval a WHERE a.item_id = i.id AND a.cycle = i.cycle) AS approvals,
 (SELECT coalesce(json_agg(json_build_array(d.purpose, d.result, d.plan_version, d.submission_no, d.decided_at)
      ORDER BY d.changed_seq), '[]')
    FROM decision d WHERE d.item_id = i.id AND d.cycle = i.cycle
     AND NOT EXISTS (SELECT 1 FROM decision n WHERE n.item_id = i.id AND n.supersedes_id = d.id)) AS decisions,
 (SELECT coalesce(json_agg(json_build_array(o.id, o.lodged_by, o.ruling)), '[]')
    FROM objection o WHERE o.item_id = i.id AND o.submission_no = i.submission_no) AS objections,
 (SELECT json_build_array(s.submitted_by, s.submitted_at, s.occurred_at, s.on_behalf_of) FROM submission s
   WHERE s.item_id = i.id AND s.submission_no = i.submission_no) AS submission,
 (SELECT json_build_array(p.author_ids, p.submitted_at) FROM plan_version p
   WHERE p.item_id = i.id AND p.plan_version = i.plan_version) AS plan,
 (SELECT json_agg(s.runner_id) FROM survey s
   WHERE s.item_id = i.id AND s.submission_no = i.submission_no) AS runners,
 (SELECT count(*) FROM item_origin o WHERE o.item_id = i.id) AS origins,
 (SELECT p.rules::text FROM ledger_policy p WHERE p.ledger_id = i.ledger_id
   AND p.policy_version = coalesce(i.policy_version, l.policy_version)) AS policy,
 l.policy_version AS policy_now, l.status AS ledger_status, st.required, st.external,
 (SELECT coalesce(json_agg(DISTINCT po.person_id), '[]') FROM post po JOIN unit u ON u.id = po.unit_id
   WHERE po.person_id = ANY($2) AND u.ancestors && (i.cooperating_unit_ids || ARRAY[i.lead_unit_id, i.responsible_unit_id])
     AND (po.ends_on IS NULL OR po.ends_on >= i.cycle_started_at::date)) AS rectifiers,
 (SELECT coalesce(json_agg(DISTINCT po.person_id), '[]') FROM post po JOIN unit u ON u.id = po.unit_id
   WHERE po.person_id = ANY($2) AND i.responsible_unit_id = ANY(u.ancestors)
     AND (po.ends_on IS NULL OR po.ends_on >= i.cycle_started_at::date)) AS insiders,
 (SELECT coalesce(json_agg(DISTINCT po.person_id), '[]') FROM post po JOIN unit u ON u.id = po.unit_id
   WHERE po.person_id = ANY($2) AND i.lead_unit_id = ANY(u.ancestors)
     AND (po.ends_on IS NULL OR po.ends_on >= $4)) AS lead_people,
 (SELECT coalesce(json_agg(DISTINCT rg.person_id), '[]') FROM role_grant rg
   WHERE rg.person_id = ANY($2) AND rg.revoked_at IS NULL AND rg.starts_on <= $4
     AND (rg.ends_on IS NULL OR rg.ends_on >= $4) AND cardinality(i.chain) > 0
     AND rg.role = i.chain[cardinality(i.chain)]
     AND rg.unit_id = ANY(CASE WHEN rg.role = 'leader' THEN lu.ancestors || coalesce(le.ancestors, '{}')
       ELSE lu.ancestors END)) AS last_step,
 (SELECT coalesce(json_agg(p.id), '[]') FROM person p WHERE p.id = ANY($2) AND p.active) AS people,
 (SELECT coalesce(json_agg(u.id), '[]') FROM unit u WHERE u.id = ANY($3)
   AND (u.active_until IS NULL OR u.active_until >= $4)) AS units,
 (SELECT coalesce(json_agg(c.code), '[]') FROM category c WHERE c.code = ANY($5::text[]) AND c.active) AS categories
FROM item i JOIN ledger l ON l.id = i.ledger_id JOIN unit lu ON lu.id = l.unit_id
LEFT JOIN unit le ON le.id = i.lead_unit_id
JOIN source_type st ON st.code = i.source_type AND st.schema_version = i.source_schema_version
WHERE i.id = ANY($1::uuid[])
"""


async def lock_items(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Locks the rows in the order of their ids and fixes the moment `tx.at`: after the lock, so times follow the order.

    It is later than any write to these rows before, whatever the clock did: every version has a time of its own.
    """
    rows = await tx.fetch(LOCK, sorted(set(ids)))
    for row in rows:
        moment = max(clock.shifted(row["db_now"]), row["updated_at"] + timedelta(microseconds=1))
        tx.at = moment if tx.at is None else max(tx.at, moment)
    return {row["id"]: dict(row) for row in rows}


async def read_items(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The same rows without the lock, for answers that change nothing."""
    return {row["id"]: dict(row) for row in await reader.fetch(READ, list(ids))}


@dataclass(frozen=True, slots=True)
class Named:
    """What a request, an item or the actor names, to be looked up along with the facts."""

    people: frozenset[UUID] = frozenset()
    units: frozenset[UUID] = frozenset()
    categories: frozenset[str] = frozenset()


async def gather(reader: Reader, ids: Sequence[UUID], named: Named, today: date) -> tuple[dict[UUID, Row], Calendar]:
    """Every fact of these items in one statement."""
    people, units, categories = list(named.people), list(named.units), list(named.categories)
    rows = await reader.fetch(FACTS, list(ids), people, units, today, categories)
    return {row["id"]: row for row in rows}, await load_calendar(reader)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _ids(texts: Sequence[str] | None) -> frozenset[UUID]:
    return frozenset(UUID(text) for text in texts or ())


def _people(*texts: str | None) -> frozenset[UUID]:
    """Whoever did something, and whoever it was done for: what a delegate does counts for both."""
    return frozenset(UUID(text) for text in texts if text)


def child_facts(row: Row) -> dict[str, Any]:
    """The part of Facts that comes from the gathered row alone."""
    submission, plan = row["submission"], row["plan"]
    return {
        "measures": tuple(
            f.MeasureFact(UUID(m[0]), m[1], _uuid(m[2]), _uuid(m[3]), _day(m[4]), _people(m[5], m[6]))
            for m in row["measures"]
        ),
        "criteria": tuple(f.CriterionFact(UUID(c[0]), c[1], _people(c[2], c[3])) for c in row["criteria"]),
        "evidence_ids": _ids(row["evidence"]),
        "criterion_evidence_ids": _ids(row["criterion_evidence"]),
        "plan_content": row["plan_content"] or {},
        "gates": tuple(f.GateFact(g[0], g[1], g[2], _uuid(g[3])) for g in row["gates"] if g[2] != "reopened"),
        "approvals": tuple(
            f.ApprovalFact(a[0], a[1], a[2], a[3], _uuid(a[4]), a[5], datetime.fromisoformat(a[6]), a[8])
            for a in row["approvals"]
        ),
        "decisions": tuple(
            f.DecisionFact(d[0], d[1], d[2], d[3], datetime.fromisoformat(d[4])) for d in row["decisions"]
        ),
        "objections": tuple(f.ObjectionFact(UUID(o[0]), _uuid(o[1]), o[2]) for o in row["objections"]),
        "known_people": _ids(row["people"]),
        "known_units": _ids(row["units"]),
        "known_categories": frozenset(row["categories"]),
        "lead_unit_people": _ids(row["lead_people"]),
        "last_step_holders": _ids(row["last_step"]),
        "required_fields": tuple(row["required"]),
        "source_external": row["external"],
        "ledger_open": row["ledger_status"] == "open",
        "foreign_origins": row["origins"],
        "submitted_at": None if submission is None else datetime.fromisoformat(submission[2]),
        "plan_submitted_at": None if plan is None else datetime.fromisoformat(plan[1]),
    }


def policy_of(row: Row) -> PolicyRules:
    return _policy(row["policy"])


@lru_cache(maxsize=256)
def _policy(text: str) -> PolicyRules:
    """Few policies judge many items, and a version of one never changes."""
    return PolicyRules.model_validate_json(text)


def conflicts_of(item: Mapping[str, Any], row: Row, persons: frozenset[UUID]) -> Conflicts:
    """Who has already played which part for the current submission; `persons` is the actor with all it stands in for."""
    submission, plan = row["submission"], row["plan"]
    gates = [g for g in row["gates"] if g[2] != "reopened"]
    named = {item["responsible_person_id"], item["liaison_id"], *item["accountable_leader_ids"]}
    named |= set(item["former_holder_ids"])  # handing over in time must not make anybody independent
    named |= {_uuid(measure[3]) for measure in row["measures"]}
    chain = item["chain"]
    last = {
        _uuid(who)
        for a in row["approvals"]
        if a[0] == "closure" and a[5] == item["closing_round"] and a[3] == len(chain)
        for who in (a[4], a[7])
    }
    return Conflicts(
        persons=persons,
        submitters=frozenset() if submission is None else _people(submission[0], submission[3]),
        problem_judges=_judges(gates, "problem_solved", "whole"),
        adequate_judges=_judges(gates, "rectification_adequate", "whole"),
        runners=_ids(row["runners"]) | _judges(gates, "people_satisfied", "whole"),
        last_signers=frozenset(person for person in last if person),
        named=frozenset(person for person in named if person),
        parties=_ids(row["rectifiers"]),
        responsible_side=_ids(row["insiders"]),
        plan_authors=_ids(None if plan is None else plan[0]),
    )


def _judges(gates: Sequence[Sequence[Any]], gate: str, part: str) -> frozenset[UUID]:
    """What a delegate judged counts for the principal as well."""
    return frozenset(UUID(who) for g in gates if g[0] == gate and g[1] == part for who in (g[3], g[4]) if who)
