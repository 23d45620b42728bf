"""Reading progress, outcomes and completion reports; a restricted item hides what they say."""

from __future__ import annotations

from typing import Final

from app.lifecycle.child_views import ChildView

REPORTS: Final = ChildView("progress_report", ("content", "next_step"))
OUTCOMES: Final = ChildView("outcome", ("name", "document_no", "detail"))
SUBMISSIONS: Final = ChildView("submission", ("summary",), "submission_no")

HAS_EVIDENCE: Final = """
SELECT EXISTS (SELECT FROM evidence WHERE item_id = $1 AND target_kind = 'outcome' AND target_id = $2)
"""
