"""The verifier as a command: the same options and exit codes in `rectify verify` and in the script."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.trail.proof.findings import Report, Verdict
from app.trail.proof.kept import kept_note, unpacked
from app.trail.proof.retained import Policy, parse_age, parse_policy
from app.trail.proof.strict import Malformed
from app.trail.proof.tell import told_in_words
from app.trail.proof.verify import Asked, verify

UNREADABLE = (Malformed, OSError, EOFError, zlib.error, UnicodeDecodeError)
"""What is raised by files that are not there, not whole, or something else."""
EPILOG = (
    "退出码 exit: 0 VERIFIED 核实无误, 1 TAMPERED 发现改动, 2 MALFORMED 不合格式, 3 SELF_CONSISTENT_ONLY 仅自身一致, "
    "4 STALE 不够新. 独立程序 this program as one file: rectify verify --script OUT"
)


def options(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description="核对导出的历史 check an exported history (rl-export/1), offline", epilog=EPILOG
    )
    parser.add_argument(
        "file", metavar="FILE", help="导出文件，可为 .gz，- 为标准输入 the file, gzipped or not, - for stdin"
    )
    parser.add_argument(
        "--policy", type=Path, help="信任的密钥 trusted keys: JSON {origin, vkeys, max_age?, min_size?}"
    )
    parser.add_argument(
        "--against", type=Path, action="append", default=[], metavar="NOTE",
        help="早先留存的检查点、回执或导出文件，可多次 a checkpoint, receipt or export retained from before, repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--items",
        action="append",
        default=[],
        metavar="ID",
        help="逐项核对的事项，可多次 items to check in full, repeatable",
    )
    parser.add_argument("--strict", action="store_true", help="全部逐项核对 check everything in full")
    parser.add_argument(
        "--sample-seed", type=int, metavar="N", help="抽查种子，默认随机 seed of the sample, random unless given"
    )
    parser.add_argument(
        "--attachments", type=Path, metavar="DIR", help="附件目录，文件名为 SHA-256 files named by their SHA-256"
    )
    parser.add_argument("--max-age", metavar="AGE", help="最新检查点之下最近的事件至多这么旧 how old, as 3d, 12h")
    parser.add_argument("--json", action="store_true", help="输出 JSON print the report as JSON")
    return parser


def main(arguments: Sequence[str] | None = None, program: str | None = None) -> int:
    """Checks what the arguments say and gives the exit code."""
    given = options(program or Path(sys.argv[0]).name).parse_args(arguments)
    try:
        report = _checked(given)
    except UNREADABLE as error:
        report = Report(Verdict.MALFORMED, reason=str(error))
    if given.json:
        sys.stdout.write(json.dumps(report.document(), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in told_in_words(report))
    return report.exit_code


def _checked(given: argparse.Namespace) -> Report:
    policy: Policy | None = None if given.policy is None else parse_policy(given.policy.read_text(encoding="utf-8"))
    asked = Asked(
        items=frozenset(one.lower() for one in given.items),
        strict=given.strict,
        sample_seed=secrets.randbelow(1 << 32) if given.sample_seed is None else given.sample_seed,
        against=tuple(kept_note(path) for path in given.against),
        policy=policy,
        now=datetime.now(UTC),
        max_age=None if given.max_age is None else parse_age(given.max_age),
        attachments=given.attachments,
    )
    if given.file == "-":
        return verify(sys.stdin.buffer, asked)
    with unpacked(given.file) as file:
        return verify(file, asked)
