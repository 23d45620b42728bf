"""The sealed log on the wire; hashes are base64 as in the notes they come from."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.enums import LabelledEnum
from app.core.fields import Instant
from app.core.models import Out
from app.core.paging import PageOf

LONGEST_LOG = 2**53 - 1

Note = Annotated[
    str, Field(description="C2SP 签名文本：检查点原文与签名 · A C2SP signed note: the checkpoint and its signature")
]
Hash = Annotated[str, Field(description="SHA-256，base64", pattern=r"^[A-Za-z0-9+/]{43}=$")]
Path = Annotated[list[Hash], Field(max_length=64, description="由下至上 · from the leaf upwards")]
Size = Annotated[int, Field(ge=0, le=LONGEST_LOG)]


class Checkpoint(Out):
    """How long the log was and what its root was, signed; `last_event_at` is the time of its last event."""

    size: int
    root: Hash
    note: Note
    last_event_at: Instant


class CheckpointPage(PageOf[Checkpoint]):
    """Checkpoints, newest first."""


class ConsistencyQuery(BaseModel):
    """Two sizes of the log, the smaller one first."""

    model_config = ConfigDict(frozen=True)

    first: Annotated[Size, Field(description="较早的长度 · the earlier size")]
    second: Annotated[Size, Field(description="较晚的长度 · the later size")]


class Consistency(Out):
    """The log of `second` begins with the log of `first`: RFC 9162 §2.1.4."""

    first: int
    second: int
    first_root: Hash
    second_root: Hash
    path: Path


class EntryProof(Out):
    """One event is under the newest checkpoint: RFC 9162 §2.1.3. `proof` says the same as one C2SP tlog-proof file."""

    index: Annotated[int, Field(description="叶序号，等于 position 减 1 · the leaf's index, its position less one")]
    event_id: UUID
    subject_kind: str
    subject_id: UUID
    seq: int
    leaf_hash: Annotated[str, Field(description="与事件的 leaf_hash 相同 · as in the event", pattern=r"^[0-9a-f]{64}$")]
    path: Path
    checkpoint: Note
    proof: str


class KeyName(LabelledEnum):
    """What a key of this log is for."""

    SESSION = "session", "登录会话", "Sessions"
    CURSOR = "cursor", "翻页游标", "Cursors"
    RECEIPT = "receipt", "回执", "Receipts"
    CHECKPOINT = "checkpoint", "检查点", "Checkpoints"
    WEBHOOK = "webhook", "推送", "Webhooks"


class Key(Out):
    """A key this log uses or has used; `vkey` is the C2SP verifier key of those that sign."""

    id: UUID
    name: KeyName
    fingerprint: str
    vkey: str | None
    added_at: Instant
    retired_at: Instant | None


class Keys(Out):
    """Take a verifier key from somebody you trust, not from the service you are checking."""

    origin: Annotated[str, Field(description="日志名称，见于每个检查点 · the log's name in every checkpoint")]
    items: list[Key]
