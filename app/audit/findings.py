"""What only the database shows, as findings of the verifier's shape."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from app.trail.proof.findings import Finding

CODES: Final[dict[str, tuple[str, str]]] = {
    "past_mismatch": ("往期状态与历史不符", "what the item was is not what its events say"),
    "span_mismatch": ("往期关联与历史不符", "whom the item concerned when is not what its events say"),
    "beside_mismatch": ("随附数据与事项不符", "what is kept beside the item does not follow from it"),
    "child_mark_mismatch": ("子内容的标记与历史不符", "a row's mark of its last event is not what the history says"),
    "tile_mismatch": ("封存树与正文不符", "a tile is not made of the events"),
    "edge_mismatch": ("封存树边缘与正文不符", "the edge of the tree is not made of the events"),
    "state_mismatch": ("日志状态不符", "the log's own state is not what its events say"),
    "pending_mismatch": ("待编号清单不符", "what waits for a position is not what has none"),
    "orphan": ("无主记录", "a row that belongs to no event"),
    "key_mismatch": ("密钥登记与历史不符", "a key is not registered as its events say"),
    "redaction_mismatch": ("脱敏登记与历史不符", "a redaction is not registered as its events say"),
    "frozen_mismatch": ("固化数字与历史不符", "frozen figures are not what was frozen"),
    "weakened": ("数据库防护被削弱", "a protection of the database is missing or weakened"),
}
"""Every code that the audit adds to the verifier's, with what it says, for people."""


def finding(code: str, subject: UUID | str | None, expected: Any, actual: Any, seq: int | None = None) -> Finding:
    return Finding(code, None if subject is None else str(subject), seq, None, _text(expected), _text(actual))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:300]
