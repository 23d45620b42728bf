"""Reading opinions, objections, decisions and stage reviews of an item, oldest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.access.guarding import ItemReading
from app.access.permissions import Role
from app.core.http import Reply
from app.features.approvals import schemas
from app.lifecycle.child_views import ChildView

APPROVALS: Final = ChildView("approval", ("comment",))
OBJECTIONS: Final = ChildView("objection", ("content", "contact", "ruling_reason"))
DECISIONS: Final = ChildView("decision", ("scan_id",))
STAGE_REVIEWS: Final = ChildView("stage_review", ("summary", "evidence_ids"))

_READS_CONTACT: Final = (Role.SUPERVISION_OFFICE, Role.DISCIPLINE_OFFICE)
_LEDGER_PATH: Final = """
SELECT u.ancestors FROM item i JOIN ledger l ON l.id = i.ledger_id JOIN unit u ON u.id = l.unit_id WHERE i.id = $1
"""


async def seal_contacts(read: ItemReading, reply: Reply) -> Reply:
    """Who objected is for the two offices that deal with it, whatever the confidentiality of the item."""
    ancestors = await read.db.fetchval(_LEDGER_PATH, read.item_id)
    if any(read.actor.holds(role, ancestors) for role in _READS_CONTACT):
        return reply
    if isinstance(reply.body, schemas.ObjectionPage):
        return replace(reply, body=reply.body.model_copy(update={"items": [_sealed(row) for row in reply.body.items]}))
    if isinstance(reply.body, schemas.ObjectionOut):
        return replace(reply, body=_sealed(reply.body))
    return reply


def _sealed(row: schemas.ObjectionOut) -> schemas.ObjectionOut:
    if row.contact is None:
        return row
    return row.model_copy(update={"contact": None, "masked_fields": [*row.masked_fields, "contact"]})
