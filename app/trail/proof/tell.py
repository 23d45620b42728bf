"""A report in words, Chinese first, for whoever has to decide on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.trail.proof.findings import CODES, FINDINGS_KEPT, Finding, Held, Report, Verdict

VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.VERIFIED: ("核实无误", "verified"),
    Verdict.TAMPERED: ("发现改动", "tampered with"),
    Verdict.MALFORMED: ("文件不合格式", "not a file of this format"),
    Verdict.SELF_CONSISTENT_ONLY: (
        "仅自身一致：没有（可比对的）早先留存的检查点或回执，不能排除整体重写",
        "consistent with itself only: without a comparable checkpoint or receipt from before, a rewritten whole looks so too",
    ),
    Verdict.STALE: ("未见改动，但不够新", "no change found, but not up to date"),
}
_COUNTED = {
    "events": ("事件", "events"),
    "items": ("事项", "items"),
    "signed": ("签名检查点", "signed checkpoints"),
    "unnumbered": ("尚未编号", "not numbered yet"),
    "subjects_in_full": ("逐项核对的对象", "subjects in full"),
    "redacted": ("已脱敏字段", "redacted fields"),
    "withheld": ("未提供字段", "fields withheld"),
}


def told_in_words(report: Report, codes: Mapping[str, tuple[str, str]] = CODES) -> Iterator[str]:
    """Line by line: the verdict, what was looked at, what vouches for it, and every finding; `codes` name those."""
    zh, en = VERDICTS[report.verdict]
    yield f"{report.verdict.name}: {zh} · {en}"
    if report.reason is not None:
        yield f"  {report.reason}"
    if report.origin is not None:
        yield f"台账 log: {report.origin}"
        yield f"导出 made: {report.made_at} ({report.scope})"
    if report.counts:
        yield "，".join(f"{zh} {en} {report.counts[name]}" for name, (zh, en) in _COUNTED.items())
    if report.checkpoint is not None:
        root = str(report.checkpoint["root"])
        yield f"最新检查点 newest checkpoint: {report.checkpoint['size']} {root}"
    yield from map(_note, report.notes)
    yield from _reach(report)
    yield from (_finding(one, *codes[one.code]) for one in report.findings)
    if (left := sum(report.found.values()) - len(report.findings)) > 0:
        yield f"另有 {left} 项未列出（至多列 {FINDINGS_KEPT} 项） and {left} more that are not listed"


def _note(note: Held) -> str:
    kinds = {"checkpoint": "检查点 checkpoint", "receipt": "回执 receipt"}
    outcome = "相符 holds" if note.held else "不符 does not hold"
    return (
        f"留存 retained {kinds[note.kind]} {note.says}: {outcome if note.compared else '无从比对 cannot be compared'}"
    )


def _reach(report: Report) -> Iterator[str]:
    """What a good verdict does not cover."""
    positions = report.counts.get("positions", 0)
    if report.anchored and report.anchored < positions:
        yield (
            f"第 {report.anchored} 条之后的事件没有外部凭据，仅自身一致 "
            f"events after position {report.anchored} are consistent with themselves only"
        )
    if report.counts and not report.strict:
        seed = report.sample_seed
        yield f"内容按 1% 抽查（--sample-seed {seed}），--strict 全查 content was sampled, --strict looks at all"


def _finding(finding: Finding, zh: str, en: str) -> str:
    where = [
        f"{name} {value}"
        for name, value in (
            ("对象 subject", finding.subject),
            ("seq", finding.seq),
            ("序号 position", finding.position),
        )
        if value is not None
    ]
    compared = [
        f"{name} {value}"
        for name, value in (("应为 expected", finding.expected), ("实为 actual", finding.actual))
        if value is not None
    ]
    return f"[{finding.code}] {zh} {en}: " + "; ".join([*where, *compared])
