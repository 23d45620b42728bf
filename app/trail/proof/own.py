"""What the log says of itself: its name and its keys, which the file's other lines must agree with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.trail.proof.findings import Finding, Findings

_SAID_OF_A_KEY = ("name", "fingerprint", "vkey")
Told = tuple[str, str, dict[str, Any]]
"""Type, subject and fields of an event."""


def check_own_events(found: Findings, told: Iterable[Told], header: Mapping[str, Any], *, bundle: bool) -> None:
    """A bundle holds other subjects' events, hence none of the log's opening."""
    opened = [(subject, fields) for type_, subject, fields in told if type_ == "log.opened"]
    log = header["log"]
    for subject, fields in opened:
        if (subject, fields.get("origin")) != (log["id"], log["origin"]):
            actual = f"{subject} {fields.get('origin')}"
            found.add(Finding("log_other", subject, 1, None, f"{log['id']} {log['origin']}", actual))
    if not opened and not bundle and header["size"]:
        found.add(Finding("log_other", log["id"], None, None, "log.opened", None))


def check_keys(found: Findings, told: Iterable[Told], lines: Mapping[str, Mapping[str, Any]]) -> None:
    """Every key was told of when it was added, and when it was retired; none was told of that is not there."""
    added = {subject: fields for type_, subject, fields in told if type_ == "key.added"}
    retired = {subject for type_, subject, _ in told if type_ == "key.retired"}
    for subject in sorted(added.keys() | lines.keys()):
        expected = _key_told(added.get(subject), subject in retired)
        actual = _key_told(lines.get(subject), (lines.get(subject) or {}).get("retired_at") is not None)
        if expected != actual:
            found.add(Finding("key_unknown", subject, None, None, expected, actual))


def _key_told(told: Mapping[str, Any] | None, retired: bool) -> str | None:  # noqa: FBT001 - half of what is compared
    if told is None:
        return None
    words = [str(told.get(name)) for name in _SAID_OF_A_KEY]
    return " ".join([*words, "retired"] if retired else words)
