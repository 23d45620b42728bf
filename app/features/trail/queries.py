"""What the sealed log answers, for callers who may ask it."""

from __future__ import annotations

from base64 import b64encode

from app.access.actor import Actor
from app.access.scope import item_in_scope, watches_all
from app.core.db import Database, Reader, Row
from app.core.errors import Fault, Problem, Text
from app.core.paging import TOTAL_CAP, Cursor, PageQuery, relation
from app.features.trail import schemas
from app.trail import keys, prove
from app.trail.envelope import ITEM
from app.trail.proof.strict import Malformed
from app.trail.proof.tiles import parse_tile_path

_BACKWARDS = Text("first 不得大于 second", "first must not be larger than second")
_NOT_SEALED = Text(
    "该位置尚未封存或不存在，封存承诺在一分钟内完成", "Nothing is sealed there yet; sealing takes a minute at most"
)


async def checkpoints(db: Database, query: PageQuery, cursor: Cursor) -> schemas.CheckpointPage:
    """Raises invalid_cursor."""
    below = None if query.cursor is None else int(str(cursor.decode(query.cursor)[0]))
    async with db.snapshot() as reader:
        rows = await prove.page(reader, below, query.limit + 1)
        counted = await prove.total(reader, TOTAL_CAP + 1) if query.include == "total" else None
    shown = rows[: query.limit]
    return schemas.CheckpointPage(
        items=[_checkpoint(row) for row in shown],
        next_cursor=cursor.encode([shown[-1]["size"]]) if len(rows) > query.limit else None,
        total=None if counted is None else min(counted, TOTAL_CAP),
        total_relation=None if counted is None else relation(counted),
    )


async def latest(reader: Reader) -> schemas.Checkpoint:
    """Raises not_found before the first checkpoint."""
    rows = await prove.page(reader, None, 1)
    if not rows:
        raise Problem("not_found", _NOT_SEALED)
    return _checkpoint(rows[0])


def _checkpoint(row: Row) -> schemas.Checkpoint:
    return schemas.Checkpoint(
        size=row["size"], root=_base64(row["root"]), note=row["note"], last_event_at=row["last_event_at"]
    )


async def consistency(db: Database, query: schemas.ConsistencyQuery) -> schemas.Consistency:
    """Raises validation_failed for sizes in the wrong order, not_found beyond the newest checkpoint."""
    if query.first > query.second:
        raise Problem("validation_failed", faults=[Fault("out_of_order", _BACKWARDS, parameter="query.first")])
    async with db.snapshot() as reader:
        found = await prove.consistency(reader, query.first, query.second)
    if found is None:
        raise Problem("not_found", _NOT_SEALED)
    return schemas.Consistency(
        first=query.first,
        second=query.second,
        first_root=_base64(found.first_root),
        second_root=_base64(found.second_root),
        path=[_base64(part) for part in found.path],
    )


async def proof(db: Database, actor: Actor, index: int) -> schemas.EntryProof:
    """Raises not_found alike for what is not there, not sealed yet, or not the caller's to see."""
    async with db.snapshot() as reader:
        entry = await prove.entry(reader, index)
        if entry is None or not await _may_see(reader, actor, entry):
            raise Problem("not_found", _NOT_SEALED)
        found = await prove.inclusion(reader, index)
    if found is None:
        raise Problem("not_found", _NOT_SEALED)
    text, parts = found
    return schemas.EntryProof(
        index=index,
        event_id=entry.event_id,
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        seq=entry.seq,
        leaf_hash=entry.hash.hex(),
        path=[_base64(part) for part in parts.path],
        checkpoint=parts.checkpoint.decode(),
        proof=text.decode(),
    )


async def _may_see(reader: Reader, actor: Actor, entry: prove.Entry) -> bool:
    if entry.subject_kind == ITEM and await item_in_scope(reader, actor, entry.subject_id):
        return True
    return await watches_all(reader, actor)


async def tile(db: Database, actor: Actor, path: str) -> bytes:
    """Raises forbidden for callers who do not watch the whole trail: bodies of every item are in it."""
    try:
        wanted = parse_tile_path(path)
    except Malformed:
        raise Problem("not_found") from None
    async with db.snapshot() as reader:
        if not await watches_all(reader, actor):
            raise Problem("forbidden")
        found = await prove.tile(reader, wanted)
    if found is None:
        raise Problem("not_found", _NOT_SEALED)
    return found


async def all_keys(reader: Reader) -> schemas.Keys:
    """Every key there has been, so that old notes can be checked."""
    rows = await keys.vkeys(reader)
    return schemas.Keys(origin=await keys.origin(reader), items=[schemas.Key.model_validate(dict(row)) for row in rows])


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
