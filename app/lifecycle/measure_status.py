"""How far a measure is: status, percentage and date of completion always tell the same story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.lifecycle.states import MeasureStatus

COMPLETE = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody says about a measure; None is what they left unsaid."""

    status: MeasureStatus | None = None
    percent: int | None = None
    done_on: date | None = None

    @property
    def contradicts(self) -> bool:
        """Whether its parts cannot all be true, whatever the measure's present standing."""
        if self.status is MeasureStatus.DONE:
            return self.percent not in {None, COMPLETE}
        if self.status is MeasureStatus.NOT_STARTED:
            return self.percent not in {None, 0} or self.done_on is not None
        if self.status is MeasureStatus.IN_PROGRESS:
            return self.percent == COMPLETE or self.done_on is not None
        return self.done_on is not None and self.percent != COMPLETE


def settled(measure: Mapping[str, Any], report: Report, today: date) -> dict[str, Any]:
    """The columns a report leads to; a percentage alone moves the status along, and completion is dated today."""
    status = report.status or _status_at(report.percent or 0, MeasureStatus(measure["status"]))
    if status is MeasureStatus.DONE:
        done_on = report.done_on or measure["done_on"] or today
        return {"status": status.value, "percent": COMPLETE, "done_on": done_on}
    percent = 0 if status is MeasureStatus.NOT_STARTED else report.percent
    if percent is None:
        percent = min(measure["percent"], COMPLETE - 1)
    return {"status": status.value, "percent": percent, "done_on": None}


def _status_at(percent: int, before: MeasureStatus) -> MeasureStatus:
    if percent == COMPLETE:
        return MeasureStatus.DONE
    if percent == 0 and before is MeasureStatus.NOT_STARTED:
        return before
    return MeasureStatus.IN_PROGRESS
