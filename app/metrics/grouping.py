"""What figures can be grouped by, one row each; a group's own list is the list of all with one filter more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.core.enums import LabelledEnum
from app.lifecycle.light_sql import PHASE_SQL
from app.metrics.sets import BEIJING


class By(LabelledEnum):
    """Keys to group by."""

    UNIT = "unit", "牵头单位", "Lead unit"
    UNIT_SUBTREE = "unit_subtree", "牵头单位（含下级）", "Lead unit with all below it"
    SOURCE_TYPE = "source_type", "问题来源", "Source"
    CATEGORY = "category", "问题类别", "Category"
    LEDGER = "ledger", "台账", "Ledger"
    ACCOUNTABLE_LEADER = "accountable_leader", "责任领导", "Accountable leader"
    MONTH = "month", "立账月份", "Month of registration"
    MODE = "mode", "整改方式", "Mode"
    SEVERITY = "severity", "等级", "Severity"
    STATE = "state", "状态", "State"
    PHASE = "phase", "阶段", "Phase"
    LIGHT = "light", "灯色", "Light"


class Names(LabelledEnum):
    """Where a key's name is found."""

    UNIT = "unit", "单位", "Units"
    PERSON = "person", "人员", "People"
    LEDGER = "ledger", "台账", "Ledgers"
    SOURCE_TYPE = "source_type", "来源", "Source types"
    CATEGORY = "category", "类别", "Categories"
    CODE = "code", "代码", "Labels of the enumeration"
    ITSELF = "itself", "本身", "The key is its own name"


@dataclass(frozen=True, slots=True)
class Grouping:
    """`key` is an expression over `i`, of which an item has one; `filter` gives one group's items.

    Where an item is in several groups, `join` leads from the key, which stands in it for {0}, to `each` of them, and
    `within` narrows those by a filter. `share` and `share_filter` stand in where the grain is the unit's share.
    """

    by: By
    key: str
    filter: str
    names: Names
    join: str = ""
    each: str = ""
    without: str | None = None
    within: tuple[str, str] | None = None
    share: str | None = None
    share_filter: str | None = None


_ABOVE: Final = "LEFT JOIN unit lu ON lu.id = {0} LEFT JOIN LATERAL unnest(lu.ancestors) AS above(unit_id) ON true"
_LEADERS: Final = "LEFT JOIN LATERAL unnest({0}) AS led(person_id) ON true"
_KEY_WITHIN: Final = "(SELECT k.ancestors && {0}::uuid[] FROM unit k WHERE k.id = above.unit_id)"

GROUPINGS: Final[dict[By, Grouping]] = {
    row.by: row
    for row in (
        Grouping(
            By.UNIT, "i.lead_unit_id", "lead_unit_id", Names.UNIT, without="lead_unit_id",
            share="share.unit_id", share_filter="working_unit_id",
        ),
        Grouping(
            By.UNIT_SUBTREE, "i.lead_unit_id", "lead_unit_within", Names.UNIT, _ABOVE, "above.unit_id",
            "lead_unit_id", ("lead_unit_within", _KEY_WITHIN),
        ),
        Grouping(By.SOURCE_TYPE, "i.source_type", "source_type", Names.SOURCE_TYPE),
        Grouping(By.CATEGORY, "i.category", "category", Names.CATEGORY, without="category"),
        Grouping(By.LEDGER, "i.ledger_id", "ledger_id", Names.LEDGER),
        Grouping(
            By.ACCOUNTABLE_LEADER, "i.accountable_leader_ids", "accountable_leader_id", Names.PERSON, _LEADERS,
            "led.person_id", "accountable_leader_id",
            ("accountable_leader_id", "led.person_id = ANY({0}::uuid[])"),
        ),
        Grouping(
            By.MONTH, f"to_char(i.registered_at AT TIME ZONE {BEIJING}, 'YYYY-MM')", "registered_on", Names.ITSELF
        ),
        Grouping(By.MODE, "i.mode", "mode", Names.CODE, without="mode"),
        Grouping(By.SEVERITY, "i.severity", "severity", Names.CODE, without="severity"),
        Grouping(By.STATE, "i.state", "state", Names.CODE),
        Grouping(By.PHASE, PHASE_SQL, "phase", Names.CODE),
        Grouping(By.LIGHT, "{light}", "light", Names.CODE),
    )
}  # fmt: skip
