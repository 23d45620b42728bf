"""Reading measures, criteria and plans; a restricted item hides what they say and whom they name."""

from __future__ import annotations

from typing import Final

from app.lifecycle.child_views import ChildView

MEASURES: Final = ChildView("measure", ("content", "person_id"))
CRITERIA: Final = ChildView("criterion", ("content",))
PLANS: Final = ChildView("plan_version", ("content", "decision_note"), "plan_version")

ACTIVE_UNIT: Final = """
SELECT EXISTS (SELECT FROM unit WHERE id = $1 AND (active_until IS NULL OR active_until >= $2))
"""
ACTIVE_PERSON: Final = "SELECT EXISTS (SELECT FROM person WHERE id = $1 AND active)"
NEXT_MEASURE: Final = "SELECT coalesce(max(position), 0) + 1 FROM measure WHERE item_id = $1 AND cycle = $2"
NEXT_CRITERION: Final = "SELECT coalesce(max(position), 0) + 1 FROM criterion WHERE item_id = $1 AND cycle = $2"
HAS_EVIDENCE: Final = """
SELECT EXISTS (SELECT FROM evidence WHERE item_id = $1 AND target_kind = $2 AND target_id = $3)
"""
