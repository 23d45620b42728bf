"""Reading evidence; a restricted item hides the files, their names and their digests."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.guarding import ItemReading
from app.core.errors import Problem
from app.features.evidence import schemas
from app.lifecycle.child_views import ChildView

EVIDENCE: Final = ChildView(
    "evidence",
    ("file_name", "sha256", "description"),
    filters="AND ($7::text IS NULL OR c.target_kind = $7) AND ($8::uuid IS NULL OR c.target_id = $8)",
    parameters=2,
)


async def readable_file(read: ItemReading, evidence_id: UUID) -> schemas.Evidence:
    """Raises not_found, also for a file the caller may not read: it must not even be known to exist."""
    shown = await EVIDENCE.one(read.db, read.actor, read.item_id, evidence_id)
    if not shown.row["readable"]:
        raise Problem("not_found")
    return schemas.Evidence.model_validate(shown.row)
