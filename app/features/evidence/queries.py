"""Reading evidence; a restricted item hides the files, their names and their digests."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.guarding import ItemReading
from app.core.errors import Problem, Text
from app.features.evidence import schemas
from app.lifecycle.child_views import OVERSEEN, PERSONS, ChildView
from app.trail.redact import PLACEHOLDER

# 回访 is confidential to who ran it: its scan tells how single people answered, and so does one not yet recorded.
_RETURN_VISIT: Final = """
  EXISTS (SELECT FROM survey s WHERE s.item_id = c.item_id AND s.scan_id = c.id AND s.kind = 'return_visit')
  OR (c.target_kind = 'survey' AND NOT EXISTS (SELECT FROM survey s WHERE s.item_id = c.item_id AND s.scan_id = c.id))"""
_RUNNER: Final = f"""c.author_id = ANY({PERSONS}) OR EXISTS (SELECT FROM survey s
  WHERE s.item_id = c.item_id AND s.scan_id = c.id AND s.runner_id = ANY({PERSONS}))"""
_REDACTED: Final = Text("文件已脱敏，内容已删除", "The file was redacted, its bytes are gone")
EVIDENCE: Final = ChildView(
    "evidence",
    ("file_name", "sha256", "description"),
    filters="AND ($7::text IS NULL OR c.target_kind = $7) AND ($8::uuid IS NULL OR c.target_id = $8)",
    parameters=2,
    confided=f"NOT ({_RETURN_VISIT}) OR {_RUNNER} OR {OVERSEEN}",
)


async def readable_file(read: ItemReading, evidence_id: UUID) -> schemas.Evidence:
    """Raises not_found, also for a file the caller may not read: it must not even be known to exist."""
    shown = await EVIDENCE.one(read.db, read.actor, read.item_id, evidence_id)
    if not shown.row["readable"]:
        raise Problem("not_found")
    if shown.row["file_name"] == PLACEHOLDER:
        raise Problem("not_found", _REDACTED)
    return schemas.Evidence.model_validate(shown.row)
