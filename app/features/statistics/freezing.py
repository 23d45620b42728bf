"""What is frozen of a period: every metric in total, the board's by unit, source and category, as one canonical text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from app.core import clock
from app.core.db import Reader
from app.core.errors import Fault, Problem, Text
from app.features.statistics.figures import Frame, figures
from app.features.statistics.names import names_of
from app.features.statistics.queries import Asked, counting, totals
from app.features.statistics.schemas import CountedOver, Figure, Label, Period
from app.features.statistics.snapshot_schemas import (
    FrozenContent,
    FrozenFigure,
    FrozenGroup,
    FrozenUnit,
    SnapshotKind,
)
from app.features.statistics.sums import Part, Sums
from app.features.statistics.viewpoint import Viewpoint
from app.metrics.definitions import BY_CODE, METRICS, Basis, Metric, described
from app.metrics.grouping import GROUPINGS, By
from app.metrics.statement import Domain
from app.trail.canonical import canonical

BY_GROUP: Final = tuple(
    BY_CODE[code]
    for code in (
        "due_base", "closed", "in_progress", "sustaining", "overdue_open", "closure_rate", "closed_within",
        "on_time_rate_orig", "on_time_rate_cur",
    )
)  # fmt: skip
"""Counted for each unit, source and category."""
_NO_START: Final = Text("应为月初或季初", "Must be the first day of a month or a quarter")
_STRANGER: Final[dict[str, Any]] = {"roles": [], "units": [], "persons": [], "unsealed": False}
"""A bulletin is read by many: few are withheld as from somebody who may read nothing restricted."""


@dataclass(frozen=True, slots=True)
class Span:
    """The period frozen: `as_of` is its end, `known_at` the moment whose knowledge of it counts."""

    kind: SnapshotKind
    first: date
    last: date
    known_at: datetime

    @property
    def as_of(self) -> datetime:
        return clock.end_of_day(self.last)


@dataclass(frozen=True, slots=True)
class Frozen:
    """Texts and their hashes, ready to be stored."""

    span: Span
    content: str
    definitions: str

    @property
    def content_hash(self) -> str:
        return sha256(self.content.encode()).hexdigest()

    @property
    def definitions_hash(self) -> str:
        return sha256(self.definitions.encode()).hexdigest()


def last_day(kind: SnapshotKind, first: date) -> date:
    """Raises validation_failed for a day no such period begins on."""
    months = 1 if kind is SnapshotKind.MONTH else 3
    if first.day != 1 or (first.month - 1) % months:
        raise Problem("validation_failed", faults=[Fault("not_a_beginning", _NO_START, pointer="/period_from")])
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1) - timedelta(days=1)


def _view(unit_id: UUID, *, root: bool, past: datetime) -> Viewpoint:
    """All of the organisation for its root, so that items nobody leads yet are among them."""
    filters = () if root else ("lead_unit_within",)
    return Viewpoint(
        domain=Domain(filters, whole_tree=True, past=True),
        values={**_STRANGER, "f0": [unit_id]},
        filters={},
        scope=CountedOver(whole_tree=root, unit_ids=[unit_id]),
        past=past,
    )


async def freeze(reader: Reader, unit_id: UUID, span: Span, *, root: bool) -> Frozen:
    """The same for the same period, unit and moment, whenever it is made."""
    made = {
        by: await _tables(reader, unit_id, span, by, root=root) for by in (None, By.UNIT, By.SOURCE_TYPE, By.CATEGORY)
    }
    grouping = GROUPINGS[By.UNIT]
    names = await names_of(reader, grouping, {str(unit_id)}, span.as_of)
    content = FrozenContent(
        format=1,
        unit=FrozenUnit(id=unit_id, name=names[str(unit_id)]),
        kind=span.kind,
        period=Period(from_=span.first, to=span.last),
        as_of=span.as_of,
        totals=made[None][0].figures,
        by_unit=made[By.UNIT],
        by_source=made[By.SOURCE_TYPE],
        by_category=made[By.CATEGORY],
    )
    return Frozen(span, canonical(content.model_dump(mode="json", by_alias=True)), canonical(described(METRICS)))


async def _tables(reader: Reader, unit_id: UUID, span: Span, by: By | None, *, root: bool) -> list[FrozenGroup]:
    """Figures of a moment as of the end, those of the period by what is known of it."""
    metrics = METRICS if by is None else BY_GROUP
    halves = []
    for basis, at in ((Basis.INSTANT, span.as_of), (Basis.PERIOD, span.known_at)):
        view = _view(unit_id, root=root, past=at)
        chosen = tuple(metric for metric in metrics if metric.basis is basis)
        ask = Asked(chosen, () if by is None else (by,), (span.first, span.last))
        count, part = counting(view, ask), Part(view.domain, at, clock.beijing_date(at))
        sums = await count(reader, part)
        masked = await count(reader, replace(part, domain=view.domain.only_masked()))
        halves.append((Frame(at, at, (span.first, span.last), {}), chosen, sums, masked))
    if by is None:
        told = [figure for half in halves for figure in totals(*half)]
        return [FrozenGroup(key=None, name=Label(zh="合计", en="Total"), figures=_told(told))]
    keys = sorted(
        {key[2][0] for _, _, sums, _ in halves for key in sums.rows if key[0] == "group"},
        key=lambda key: (key is None, key or ""),
    )
    names = await names_of(reader, GROUPINGS[by], keys, span.as_of)
    groups = []
    for key in keys:
        told = [figure for half in halves for figure in _group(*half, key)]
        groups.append(FrozenGroup(key=key, name=names[key], figures=_told(told)))
    return groups


def _group(frame: Frame, metrics: tuple[Metric, ...], sums: Sums, masked: Sums, key: str | None) -> list[Figure]:
    return [
        figures(frame, (metric,), sums.row(*row), masked.row(*row), None)[0]
        for metric in metrics
        for row in [("group", metric.code, (key,))]
    ]


def _told(found: list[Figure]) -> list[FrozenFigure]:
    return [
        FrozenFigure(
            metric=figure.metric,
            version=figure.version,
            label=figure.label,
            grain=figure.grain,
            known_at=figure.as_of,
            numerator=figure.numerator,
            denominator=figure.denominator,
            percent=figure.percent,
            suppressed=figure.suppressed,
        )
        for figure in found
    ]
