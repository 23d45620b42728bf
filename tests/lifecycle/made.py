"""The smallest good facts, rows and actors for judging the life cycle without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from app.access.actor import Actor, Grant
from app.access.permissions import Role
from app.access.separation import Conflicts
from app.core.calendar_seed import seed_from_holidays
from app.core.clock import beijing_date
from app.core.workdays import Calendar, CalendarYear
from app.lifecycle.create import blank
from app.lifecycle.facts import CriterionFact, Facts, MeasureFact
from app.lifecycle.policy import POLICY_DEFAULT
from app.lifecycle.states import Action, State
from app.lifecycle.transitions import BY_ACTION

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TODAY = beijing_date(NOW)
YEARS = range(2025, 2028)
_DAYS = seed_from_holidays(YEARS)
CALENDAR = Calendar.of(
    CalendarYear(
        year,
        version=1,
        source="test",
        holidays=frozenset(day.on for day in _DAYS if day.on.year == year and day.kind == "holiday"),
        workdays=frozenset(day.on for day in _DAYS if day.on.year == year and day.kind == "workday"),
    )
    for year in YEARS
)


def uid(number: int) -> UUID:
    return UUID(int=number)


GROUP, BUREAU, LEAD, SECTION, OTHER, SOURCE = (uid(n) for n in range(1, 7))
"""集团 ⊃ 局（台账所在）⊃ 牵头单位 ⊃ 其下班组；另一单位与来源单位也在局下。"""
ANCESTORS: dict[UUID, list[UUID]] = {
    GROUP: [GROUP],
    BUREAU: [GROUP, BUREAU],
    LEAD: [GROUP, BUREAU, LEAD],
    SECTION: [GROUP, BUREAU, LEAD, SECTION],
    OTHER: [GROUP, BUREAU, OTHER],
    SOURCE: [GROUP, BUREAU, SOURCE],
}
ME, COLLEAGUE, LEADER, OFFICER, STRANGER = (uid(n) for n in range(101, 106))
ITEM, TARGET, EVIDENCE, OBJECTION, MEASURE, CRITERION = (uid(n) for n in range(201, 207))
CHAIN = ["leader", "discipline_office", "first_responsible"]
DEADLINE: dict[str, Any] = {
    "text": "2026年6月底前", "kind": "date", "date": "2026-06-30", "days": None, "from": "notice",
    "day_type": "working", "continuing": False, "milestones": [], "review_on": None, "original_date": "2026-06-30",
    "extensions": 0,
}  # fmt: skip


def row(state: State | str = State.RECTIFYING, **columns: Any) -> dict[str, Any]:
    """An item as `lock_items` gives it, complete for any state."""
    found = blank(NOW) | {
        "id": ITEM, "ledger_id": uid(301), "state": State(state).value, "title": "食堂台账缺失", "source_type": "inspection",
        "source_schema_version": 1, "number": "ZG-2026-0001", "number_sort": "x", "version": 7, "head_hash": b"\0" * 32,
        "confidentiality": "internal", "category": "finance", "severity": "general", "finder_person_id": uid(110),
        "finder_unit_id": SOURCE, "source_unit_id": SOURCE, "lead_unit_id": LEAD, "responsible_unit_id": LEAD,
        "accountable_leader_ids": [LEADER], "responsible_person_id": uid(111), "liaison_id": uid(112),
        "mode": "time_limited", "deadline": DEADLINE, "due_on": date(2026, 6, 30), "original_due_on": date(2026, 6, 30),
        "assigned_on": TODAY, "assigned_at": NOW, "registered_at": NOW, "cycle_started_at": NOW, "root_cause": "制度不健全",
        "plan_version": 1, "submission_no": 1, "policy_version": 1, "chain": list(CHAIN), "chain_step": 0,
        "closing_round": 1, "light_reasons": {}, "movers": [], "ledger_unit_id": BUREAU,
        "ledger_ancestors": ANCESTORS[BUREAU], "lead_ancestors": ANCESTORS[LEAD], "source_ancestors": ANCESTORS[SOURCE],
    }  # fmt: skip
    return found | columns


def passed_gates() -> dict[str, str]:
    return {
        "gate_problem_solved": "passed",
        "gate_rectification_adequate": "passed",
        "gate_people_satisfied": "passed",
    }


def measure(**parts: Any) -> MeasureFact:
    whole = MeasureFact(MEASURE, "done", LEAD, uid(111), date(2026, 6, 1), frozenset({ME}))
    return replace(whole, **parts)


def criterion(**parts: Any) -> CriterionFact:
    return replace(CriterionFact(CRITERION, 1, frozenset({ME})), **parts)


def data(action: Action, **values: Any) -> Any:
    """The action's data as the edge would have parsed it."""
    return BY_ACTION[action].data.model_validate(values)


def facts(
    action: Action, given: Mapping[str, Any] | None = None, item: Mapping[str, Any] | None = None, **parts: Any
) -> Facts:
    """Facts of an action with this data on this row; anything else by name."""
    transition = BY_ACTION[action]
    whole: dict[str, Any] = {
        "action": action,
        "item": row(min(transition.sources)) if item is None else item,
        "data": data(action, **(given or {})),
        "now": NOW,
        "today": TODAY,
        "occurred_at": NOW,
        "parties": transition.by,
        "policy": POLICY_DEFAULT,
        "calendar": CALENDAR,
        "conflicts": Conflicts(frozenset({ME})),
        "actor_person_id": ME,
        "actor_unit_id": LEAD,
        "actor_persons": frozenset({ME}),
    }
    return Facts(**(whole | parts))


def actor(*grants: tuple[Role, UUID], person: UUID | None = ME, **parts: Any) -> Actor:
    """A person with roles over units; `lent` adds delegated ones as (role, unit, principal)."""
    lent = tuple(Grant(*grant) for grant in parts.pop("lent", ()))
    whole: dict[str, Any] = {
        "kind": "person",
        "account_id": uid(401),
        "api_key_id": None,
        "person_id": person,
        "name": "张三",
        "unit_id": None,
        "post_id": None,
        "auth": "password",
        "grants": tuple(Grant(role, unit) for role, unit in grants) + lent,
        "principal_ids": frozenset(grant.principal_id for grant in lent if grant.principal_id),
    }
    return Actor(**(whole | parts))
