"""`item_version`, `item_text` and the two span tables, held against what each item's events say it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from app.audit.findings import finding
from app.audit.grouped import Grouped
from app.audit.history import History
from app.core.db import Snapshot
from app.lifecycle.derived import item_units
from app.tables.past import ItemVersion
from app.trail.export import plain
from app.trail.proof.findings import Finding

# "Until further notice" has no date; null says so to everything that reads this.
_ENDS: Final = "nullif(valid_to, 'infinity') AS valid_to"
_NAMES: Final = tuple(ItemVersion.__table__.columns.keys())  # type: ignore[attr-defined]
_COMMON: Final = _NAMES[_NAMES.index("ledger_id") :]
VERSIONS: Final = (
    f"SELECT item_id, version, valid_from, {_ENDS}, {', '.join(_COMMON)} FROM item_version ORDER BY item_id, version"  # noqa: S608 - column names of the model
)
TEXTS: Final = "SELECT item_id, from_version, title FROM item_text ORDER BY item_id, from_version"
UNIT_SPANS: Final = f"SELECT item_id, unit_id, part, valid_from, {_ENDS} FROM item_unit_span ORDER BY item_id"  # noqa: S608 - constants
PERSON_SPANS: Final = f"SELECT item_id, person_id, valid_from, {_ENDS} FROM item_person_span ORDER BY item_id"  # noqa: S608 - constants
_UNIT_COLUMNS: Final = (
    "lead_unit_id", "responsible_unit_id", "cooperating_unit_ids", "source_unit_id", "finder_unit_id",
)  # fmt: skip

Span = tuple[tuple[str, ...], str, str | None]
"""Who, from when, until when (None for still)."""


class Past:
    """The four tables, read along with the histories."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._versions = Grouped(snapshot, VERSIONS)
        self._texts = Grouped(snapshot, TEXTS)
        self._units = Grouped(snapshot, UNIT_SPANS)
        self._persons = Grouped(snapshot, PERSON_SPANS)

    async def check(self, history: History) -> AsyncIterator[Finding]:
        versions = [plain(row) for row in await self._versions.of(history.item_id)]
        texts = [plain(row) for row in await self._texts.of(history.item_id)]
        units = [plain(row) for row in await self._units.of(history.item_id)]
        persons = [plain(row) for row in await self._persons.of(history.item_id)]
        for found in (
            _versions(history, versions),
            _texts(history, texts, _first(history, versions)),
            _spans(history, "item_unit_span", _held(units, "unit_id", "part"), _unit_pairs(history)),
            _spans(history, "item_person_span", _held(persons, "person_id"), _person_sets(history)),
        ):
            for one in found:
                yield one

    async def rest(self) -> AsyncIterator[Finding]:
        tables = {"item_version": self._versions, "item_text": self._texts, "item_unit_span": self._units,
                  "item_person_span": self._persons}  # fmt: skip
        for name, table in tables.items():
            for row in await table.rest():
                yield finding("past_mismatch", row["item_id"], None, f"{name}: an item without events")


def _first(history: History, versions: Sequence[Mapping[str, Any]]) -> int:
    """The version the past begins with: the first, or for an item from before there was a past, the one it had then."""
    if history.whole:
        return 1
    if history.codes_from is None and history.deleted_at is not None:
        return history.steps[-1].seq  # it was gone before there was a past to be kept
    told = history.codes_from
    latest = history.steps[-1].seq if told is None else max(told - 1, 1)
    return min(int(versions[0]["version"]) if versions else latest, latest)


def _versions(history: History, versions: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    first, item = _first(history, versions), history.item_id
    due = {step.seq: step for step in history.lived if step.seq >= first}
    held = {row["version"]: row for row in versions}
    for version in sorted(held.keys() - due.keys()):
        yield finding("past_mismatch", item, None, f"item_version {version}", version)
    ends = [step.at for step in history.steps[1:]]
    for step, end in zip(history.lived, [*ends, None], strict=False):
        if step.seq not in due:
            continue
        row = held.get(step.seq)
        if row is None:
            yield finding("past_mismatch", item, f"item_version {step.seq}", None, step.seq)
            continue
        expected = {"state": step.state, **{name: step.row[name] for name in _COMMON if name in step.row}}
        expected |= {"valid_from": step.at, "valid_to": end}
        for name, value in expected.items():
            if row[name] != value:
                yield finding(
                    "past_mismatch", item, f"item_version.{name}={value}", f"item_version.{name}={row[name]}", step.seq
                )


def _texts(history: History, texts: Sequence[Mapping[str, Any]], first: int) -> Iterator[Finding]:
    """A row where the title became another; an earlier program kept one as well where the same was given anew."""
    item, held, before = history.item_id, {row["from_version"]: row["title"] for row in texts}, None
    lived = {step.seq: step for step in history.lived if step.seq >= first}
    due = {first, *(version for version, step in lived.items() if step.titled)}
    for version in sorted(held.keys() - due):
        yield finding("past_mismatch", item, None, f"item_text {version}", version)
    for version, step in lived.items():
        title = step.row.get("title")
        if version not in held:
            if title is not None and title != before:
                yield finding("past_mismatch", item, f"item_text {version}", None, version)
        elif title is not None and held[version] != title:
            yield finding(
                "past_mismatch", item, f"item_text.title={title}", f"item_text.title={held[version]}", version
            )
        before = title


def _held(rows: Sequence[Mapping[str, Any]], *who: str) -> set[Span]:
    return {(tuple(str(row[name]) for name in who), row["valid_from"], row["valid_to"]) for row in rows}


def _unit_pairs(history: History) -> list[frozenset[tuple[str, ...]] | None]:
    return [
        frozenset((str(unit), part) for unit, part in item_units(step.row)) if _names_units(step.row) else None
        for step in history.lived
    ]


def _names_units(row: Mapping[str, Any]) -> bool:
    """Whether the columns are known and are what a service of ours could have told."""
    others = row.get("cooperating_unit_ids")
    if not isinstance(others, list) or not all(name in row for name in _UNIT_COLUMNS):
        return False
    single = [row[name] for name in _UNIT_COLUMNS if name != "cooperating_unit_ids"]
    return all(unit is None or isinstance(unit, str) for unit in (*single, *others))


def _person_sets(history: History) -> list[frozenset[tuple[str, ...]] | None]:
    return [None if step.persons is None else frozenset((person,) for person in step.persons) for step in history.lived]


def _spans(
    history: History, table: str, held: set[Span], sets: Sequence[frozenset[tuple[str, ...]] | None]
) -> Iterator[Finding]:
    known = [one for one in sets if one is not None]
    if not history.whole or len(known) < len(sets):
        instants = {step.at for step in history.steps}
        due = {span for span in held if span[1] in instants and (span[2] is None or span[2] in instants)}
    else:
        due = _expected(history, known)
    for span in sorted(due - held, key=str):
        yield finding("span_mismatch", history.item_id, f"{table} {_said(span)}", None)
    for span in sorted(held - due, key=str):
        yield finding("span_mismatch", history.item_id, None, f"{table} {_said(span)}")


def _expected(history: History, sets: Sequence[frozenset[tuple[str, ...]]]) -> set[Span]:
    opened: dict[tuple[str, ...], str] = {}
    spans: set[Span] = set()
    for step, now in zip(history.lived, sets, strict=True):
        for who in opened.keys() - now:
            spans.add((who, opened.pop(who), step.at))
        for who in now - opened.keys():
            opened[who] = step.at
    return spans | {(who, since, history.deleted_at) for who, since in opened.items()}


def _said(span: Span) -> str:
    who, since, until = span
    return f"{'/'.join(who)} {since}..{until or ''}"
