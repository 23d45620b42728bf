"""From counted rows to figures: percentages, what is withheld, and where each number leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.features.statistics.schemas import Counted, Drill, Figure, Period, label
from app.metrics.definitions import Basis, Counting, Metric, Part, ValueUnit
from app.metrics.drill import Period as Days
from app.metrics.drill import address
from app.metrics.rounding import Cell, may_hide, mean, nearest_rank, percent, suppressed

Row = Mapping[str, Any]
NOTHING: Row = {}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the figures of one answer share; `past` is the instant asked for, None for the present."""

    as_of: datetime
    past: datetime | None
    period: Days
    filters: Mapping[str, str]


def _cell(metrics: Sequence[Metric], place: int, part: Part, row: Row, masked: Row) -> Cell | None:
    counting = metrics[place].counting(part)
    if counting is None:
        return None
    if metrics[place].ranked:
        return _ranked(counting, row, masked)
    name = f"{part[0]}{place}"
    items = name if counting.value is None else f"{name}_items"
    return Cell(row.get(name, 0), row.get(items, 0), masked.get(items, 0))


def _ranked(counting: Counting, row: Row, masked: Row) -> Cell:
    """Of a row that says how many items have each value."""
    items, hidden = (sum(spread.values()) for spread in (row, masked))
    if counting.rank is None:
        return Cell(items, items, hidden)
    return Cell(nearest_rank({int(value): n for value, n in row.items()}, counting.rank) or 0, items, hidden)


def figures(
    frame: Frame, metrics: Sequence[Metric], row: Row, masked: Row, filters: Mapping[str, str] | None
) -> list[Figure]:
    """One figure a metric from one row; `filters` are those of the row's group, None where no list holds it."""
    found = []
    for place, metric in enumerate(metrics):
        numerator = _cell(metrics, place, Part.NUMERATOR, row, masked) or Cell(0, 0, 0)
        denominator = _cell(metrics, place, Part.DENOMINATOR, row, masked)
        found.append(_figure(frame, metric, numerator, denominator, filters))
    return found


def may_withhold(metrics: Sequence[Metric], row: Row) -> bool:
    """Whether a figure of the row is of so few items that it depends on the masked ones, which else nobody needs to count."""
    for place in range(len(metrics)):
        above, below = (_cell(metrics, place, part, row, NOTHING) for part in (Part.NUMERATOR, Part.DENOMINATOR))
        if may_hide(0 if above is None else above.items, None if below is None else below.items):
            return True
    return False


def _figure(
    frame: Frame, metric: Metric, numerator: Cell, denominator: Cell | None, filters: Mapping[str, str] | None
) -> Figure:
    hidden = suppressed(numerator, denominator)
    above = None if hidden else numerator.total
    below = None if hidden or denominator is None else denominator.total
    days = frame.period if metric.basis is Basis.PERIOD else None
    shown = None if hidden else filters
    leads = {part: None if shown is None else address(metric, part, frame.period, shown, frame.past) for part in Part}
    return Figure(
        metric=metric.code,
        version=metric.version,
        label=label(metric.label),
        grain=metric.grain,
        as_of=frame.as_of,
        period=None if days is None else Period(from_=days[0], to=days[1]),
        numerator=above,
        denominator=below,
        percent=percent(above, below) if metric.value_unit is ValueUnit.PERCENT else None,
        value=_value(metric, above, below),
        value_unit=metric.value_unit,
        suppressed=hidden,
        drill=Drill(numerator=leads[Part.NUMERATOR], denominator=leads[Part.DENOMINATOR]),
    )


def _value(metric: Metric, above: int | None, below: int | None) -> str | None:
    if metric.value_unit is ValueUnit.PERCENT:
        return percent(above, below)
    if metric.value_unit is ValueUnit.COUNT or metric.ranked:
        return None if above is None or below == 0 else str(above)
    return mean(above, below)


def counted(frame: Frame, metric: Metric, days: Days, cell: Cell, filters: Mapping[str, str]) -> Counted:
    """A plain count, withheld like any figure."""
    if suppressed(cell, None):
        return Counted(count=None, drill=None)
    return Counted(count=cell.total, drill=address(metric, Part.NUMERATOR, days, filters, frame.past))
