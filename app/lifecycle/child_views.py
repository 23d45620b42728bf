"""What the slices of an item's children share: reading them masked, page by page, and finding the row to write."""

# ruff: noqa: S608 - SQL here is put together from constants of this program; values are always parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlmodel import SQLModel

from app.access.actor import Actor
from app.access.guarding import ItemReading
from app.access.scope import Sealed, restricted_predicate, restricted_read_sql
from app.core.db import Reader, Tx
from app.core.errors import Problem, Text
from app.core.etag import not_modified
from app.core.http import Reply
from app.core.keyset import Keyset
from app.core.models import Out
from app.core.paging import PageOf, PageQuery, cursor_for, page_links
from app.lifecycle.children import OpenItem
from app.lifecycle.states import Confidentiality

_LOCK: Final = "SELECT FROM item WHERE id = $1 FOR UPDATE"
_SEALED: Final = Sealed("$3::text[]", "$4::uuid[]", "$5::uuid[]", "$6::bool")
PERSONS: Final = _SEALED.persons
OVERSEEN: Final = f"""EXISTS (SELECT FROM unnest({_SEALED.roles}, {_SEALED.units}) AS g(role, unit_id)
  JOIN ledger l ON l.id = i.ledger_id JOIN unit u ON u.id = l.unit_id
  WHERE g.role IN ('discipline_office', 'auditor') AND g.unit_id = ANY(u.ancestors))"""
"""Whether the caller oversees the item's ledger: the discipline office and the auditor."""
_COLUMNS: Final = "c.*, i.version AS item_version, r.readable"
_STUB: Final = Text("涉密占位事项不得存放文字和材料", "A secret stub takes no text and no files")
_OLD_CYCLE: Final = Text("这是以前整改周期的内容，已经封存", "It belongs to an earlier cycle, which is sealed")


class ChildQuery(PageQuery):
    """Which children to list."""

    cycle: Annotated[
        int | None, Field(ge=1, le=32_767, description="整改周期；缺省为当前周期 · Cycle; the current one unless given")
    ] = None


class ChildOut(Out):
    """What every child of an item has; `masked_fields` names what this caller may not read."""

    item_id: UUID
    cycle: int
    masked_fields: list[str]


class Shown(NamedTuple):
    """One child as the caller may see it, and the version of its item."""

    row: dict[str, Any]
    version: int


class ChildView:
    """A child table as it is read; `masked` are the columns a restricted item hides.

    `key` names a row within the item. `filters` adds conditions on `c` with parameters from $7 on. `confided` says in
    SQL who else a row is kept from; OVERSEEN is what it may refer to.
    """

    def __init__(
        self,
        table: str,
        masked: tuple[str, ...],
        key: str = "id",
        *,
        filters: str = "",
        parameters: int = 0,
        confided: str = "true",
    ) -> None:
        # What was written before an item became a stub is nobody's to read any more.
        readable = f"i.confidentiality <> 'secret_stub' AND {restricted_predicate('i', _SEALED)} AND ({confided})"
        joined = f"FROM {table} c JOIN item i ON i.id = c.item_id CROSS JOIN LATERAL (SELECT {readable} AS readable) r"
        # A count reads no column of `r`, yet each parameter must stand in the statement for its type to be known.
        listed = f"{joined} WHERE c.item_id = $1 AND c.cycle = coalesce($2::int, i.cycle) {filters}"
        self.masked = masked
        self.rows = Keyset(_COLUMNS, listed, (f"c.{key}",), 6 + parameters)
        self.single = f"SELECT {_COLUMNS} {joined} WHERE c.item_id = $1 AND c.{key} = $2"

    async def page(
        self,
        read: ItemReading,
        cursor_key: bytes,
        query: ChildQuery,
        page: type[PageOf[Any]],
        conditions: Sequence[Any] = (),
    ) -> Reply:
        """One page of the item's children; raises invalid_cursor."""
        _, sealed = restricted_read_sql(read.actor, "i", 3)
        given = (read.item_id, query.cycle, *sealed, *conditions)
        async with read.db.snapshot() as reader:
            sheet = await self.rows.read(reader, given, query, cursor_for(read.call, cursor_key))
        body = page.model_validate({"items": [self._shown(dict(row)) for row in sheet.rows], **sheet.envelope()})
        return Reply(200, body, headers=page_links(read.call, sheet.next_cursor))

    async def single_reply(self, read: ItemReading, model: type[Out], key: UUID | int) -> Reply:
        """One child of whatever cycle under the item's entity tag, or 304; raises not_found."""
        shown = await self.one(read.db, read.actor, read.item_id, key)
        etag = read.actor.etag(shown.version)
        if not_modified(read.call.if_none_match, etag):
            return Reply(304, None, etag)
        return Reply(200, model.model_validate(shown.row), etag)

    async def one(self, reader: Reader, actor: Actor, item_id: UUID, key: UUID | int) -> Shown:
        """Of whatever cycle; raises not_found."""
        _, sealed = restricted_read_sql(actor, "i", 3)
        row = await reader.fetchrow(self.single, item_id, key, *sealed)
        if row is None:
            raise Problem("not_found")
        return Shown(self._shown(dict(row)), row["item_version"])

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        hidden = () if row["readable"] else self.masked
        return row | dict.fromkeys(hidden) | {"masked_fields": list(hidden)}


async def child_reply(  # noqa: PLR0913 - what was written, for whom, and how it is told
    reader: Reader, actor: Actor, view: ChildView, model: type[Out], item_id: UUID, key: UUID, *, made_at: str = ""
) -> Reply:
    """The child as stored, with the item's new tag; `made_at` is the collection a new one was added to."""
    shown = await view.one(reader, actor, item_id, key)
    location = f"/v1/items/{item_id}/{made_at}/{key}" if made_at else None
    return Reply(201 if made_at else 200, model.model_validate(shown.row), actor.etag(shown.version), location)


async def locked_child(tx: Tx, table: type[SQLModel], item_id: UUID, child_id: UUID) -> dict[str, Any]:
    """The row as it stands once its item is locked; raises not_found."""
    row = await target_row(tx, table, item_id, child_id)
    if row is None:
        raise Problem("not_found")
    return row


async def target_row(
    tx: Tx, table: type[SQLModel] | None, item_id: UUID, child_id: UUID | None
) -> dict[str, Any] | None:
    """As `locked_child`, for a reference that may be absent or lead nowhere."""
    if table is None or child_id is None:
        return None
    # Two statements: one that waits for the lock would show the child as it was before the wait.
    await tx.fetchrow(_LOCK, item_id)
    row = await tx.fetchrow(_single(table), item_id, child_id)
    return None if row is None else dict(row)


def require_current(opened: OpenItem, child: Mapping[str, Any]) -> None:
    """What an earlier cycle left is evidence and stays as it is."""
    if child["cycle"] != opened.row["cycle"]:
        raise Problem("child_frozen", _OLD_CYCLE, current_state=opened.row["state"])


def refuse_stub(opened: OpenItem) -> None:
    """A secret stub stands for a matter kept elsewhere, so nothing of its content may be written here."""
    if opened.row["confidentiality"] == Confidentiality.SECRET_STUB:
        raise Problem("child_frozen", _STUB, current_state=opened.row["state"])


@cache
def _single(table: type[SQLModel]) -> str:
    return f"SELECT * FROM {table.__tablename__} WHERE item_id = $1 AND id = $2"
