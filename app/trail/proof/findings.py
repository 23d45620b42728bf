"""What a verification says: findings with a stable code each, the verdict over all of them, and what was looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

FINDINGS_KEPT = 1000
"""Beyond so many findings they are counted and no longer listed: one cut can break a million links."""


class Verdict(Enum):
    """The answer; its value is the exit code."""

    VERIFIED = 0
    TAMPERED = 1
    MALFORMED = 2
    SELF_CONSISTENT_ONLY = 3
    STALE = 4


CODES: dict[str, tuple[str, str]] = {
    "framing": ("文件残缺或不合格式", "the file is incomplete or not of the format"),
    "log_other": ("出自另一份台账", "of another log"),
    "key_unknown": ("密钥不明", "a key that is not known"),
    "key_retired": ("密钥当时已停用", "the key was out of force by then"),
    "signature_invalid": ("签名不成立", "the signature does not hold"),
    "position_gap": ("序号不连续", "positions have a gap"),
    "leaf_mismatch": ("正文与哈希不符", "the hash is not that of the body"),
    "projection_mismatch": ("列与正文不符", "a column says otherwise than the body"),
    "inclusion_invalid": ("不在检查点之下", "not shown to be under the checkpoint"),
    "root_mismatch": ("根哈希不符", "another root"),
    "checkpoint_missing": ("缺少签名检查点", "a signed checkpoint is missing"),
    "history_cut": ("历史被截去", "history was cut off"),
    "fork": ("同一长度另有一份历史", "another history of the same length"),
    "not_consistent": ("不是先前历史的延续", "not a continuation of the earlier history"),
    "receipt_broken": ("与回执不符", "otherwise than the receipt says"),
    "seq_gap": ("对象内序号不连续", "a subject's events have a gap"),
    "prev_mismatch": ("链断", "the chain is broken"),
    "not_canonical": ("正文不是规范文本", "the body is not canonical"),
    "envelope_invalid": ("信封不合格式", "the envelope is not of the format"),
    "commitment_mismatch": ("披露与承诺不符", "a disclosure is not what was committed to"),
    "disclosure_missing": ("缺少披露，也无脱敏记录", "a disclosure is missing and no redaction says so"),
    "disclosure_extra": ("有未曾承诺的披露", "a disclosure nobody committed to"),
    "transition_illegal": ("流转不合规则", "a step the rules do not know"),
    "rules_unknown": ("流转表未公布", "the table of transitions was not published"),
    "time_goes_back": ("时间倒退", "time goes back"),
    "fold_mismatch": ("事项与其历史不符", "the item is not the sum of its events"),
    "row_mismatch": ("子内容与其历史不符", "a row beside the item is not what was recorded"),
    "row_missing": ("缺少子内容", "a row beside the item is missing"),
    "row_extra": ("有未曾记录的子内容", "a row beside the item was never recorded"),
    "item_missing": ("缺少事项", "an item is missing"),
    "item_extra": ("有没有历史的事项", "an item without a history"),
    "head_mismatch": ("末端与历史不符", "a head is not the end of its chain"),
    "attachment_missing": ("缺少附件", "an attachment is missing"),
    "attachment_mismatch": ("附件内容不符", "an attachment has other content"),
    "unsealed_overdue": ("逾期未封存", "not sealed within the time promised"),
}
"""Every code with what it says, for people."""
LATE = frozenset({"unsealed_overdue"})
"""Findings of a promise not kept, which are no sign of a change."""


class Finding(NamedTuple):
    """One thing that is not as it must be, and where; `subject` is an id, `position` counts from 1."""

    code: str
    subject: str | None = None
    seq: int | None = None
    position: int | None = None
    expected: str | None = None
    actual: str | None = None


@dataclass
class Findings:
    """Collects findings in the order in which they are found."""

    kept: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        self.counts[finding.code] = self.counts.get(finding.code, 0) + 1
        if len(self.kept) < FINDINGS_KEPT:
            self.kept.append(finding)

    @property
    def tampered(self) -> bool:
        return any(code not in LATE for code in self.counts)


class Held(NamedTuple):
    """What became of one retained note: `compared` is false where this file cannot confirm or refute it."""

    kind: str
    says: str
    compared: bool
    held: bool


@dataclass
class Report:
    """The outcome; `counts` says how much was looked at, `anchored` up to which position an outside note vouches."""

    verdict: Verdict
    findings: list[Finding] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    origin: str | None = None
    scope: str | None = None
    made_at: str | None = None
    checkpoint: dict[str, Any] | None = None
    sample_seed: int = 0
    strict: bool = False
    notes: list[Held] = field(default_factory=list)
    anchored: int = 0
    reason: str | None = None

    @property
    def exit_code(self) -> int:
        return self.verdict.value

    def document(self) -> dict[str, Any]:
        """As plain JSON."""
        plain = {name: value for name, value in vars(self).items() if name not in {"verdict", "findings", "notes"}}
        return {
            "verdict": self.verdict.name,
            "exit_code": self.exit_code,
            **plain,
            "findings": [finding._asdict() for finding in self.findings],
            "notes": [note._asdict() for note in self.notes],
        }
