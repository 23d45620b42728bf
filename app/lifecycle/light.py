"""The traffic light of an item: the dates on which it will turn, and its colour on any day.

A write fixes the dates, a read compares them with the day asked for; the colour itself is never stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from app.core.enums import LabelledEnum
from app.core.workdays import Calendar, CalendarUncertain

_WHOLE = 100


class Light(LabelledEnum):
    """From no clock at all to past due; the order is the order of severity."""

    GREY = "grey", "灰", "Grey"
    GREEN = "green", "绿", "Green"
    BLUE = "blue", "蓝", "Blue"
    YELLOW = "yellow", "黄", "Yellow"
    RED = "red", "红", "Red"


class LightReason(LabelledEnum):
    """Why a light has its colour; several can hold at once."""

    NOT_ASSIGNED = "not_assigned", "尚未交办，未开始计时", "Not assigned yet, the clock has not started"
    CLOSED = "closed", "已销号，停止计时", "Closed, the clock has stopped"
    OFF_LEDGER = "off_ledger", "已出账，不再计时", "Off the ledger, no clock"
    CLOCK_SUSPENDED = "clock_suspended", "已中止计时", "The clock is suspended"
    ON_PACE = "on_pace", "进度正常", "On pace"
    NO_DUE_DATE = "no_due_date", "未定期限", "No due date"
    DUE_SOON = "due_soon", "临近期限", "The due date is near"
    DUE_VERY_SOON = "due_very_soon", "即将到期", "The due date is very near"
    MILESTONE_MISSED = "milestone_missed", "阶段节点未按期完成", "A milestone was missed"
    BEHIND_PACE = "behind_pace", "进度滞后", "Behind the expected pace"
    PAST_DUE = "past_due", "已超期", "Past due"
    CALENDAR_UNCERTAIN = (
        "calendar_uncertain",
        "所涉年度工作日历未载入，按自然日推算",
        "No working-day calendar for that year, counted in calendar days",
    )


class Clock(StrEnum):
    """What the item's clock does; follows from the state."""

    NOT_ASSIGNED = "not_assigned"
    RUNNING = "running"
    SUSTAINING = "sustaining"
    CLOSED = "closed"
    OFF_LEDGER = "off_ledger"


_NO_CLOCK: Mapping[Clock, LightReason] = {
    Clock.NOT_ASSIGNED: LightReason.NOT_ASSIGNED,
    Clock.CLOSED: LightReason.CLOSED,
    Clock.OFF_LEDGER: LightReason.OFF_LEDGER,
}


@dataclass(frozen=True, slots=True)
class LightPolicy:
    """When the colours turn: working days left, and percentage points behind a straight line to the due date."""

    blue_workdays: int = 10
    yellow_workdays: int = 3
    behind_points: int = 20

    def __post_init__(self) -> None:
        if min(self.blue_workdays, self.yellow_workdays) < 0 or self.behind_points <= 0:
            raise ValueError("working days left are not negative, and being behind takes at least one point")


@dataclass(frozen=True, slots=True)
class LightInput:
    """Everything a colour depends on; `percent` (0 to 100) stays as it is until the next write.

    `started_on` is the day of assignment, `open_milestones` are the dates of those not yet reached.
    """

    clock: Clock
    calendar: Calendar
    due_on: date | None = None
    next_review_on: date | None = None
    started_on: date | None = None
    percent: int = 0
    open_milestones: tuple[date, ...] = ()
    clock_suspended: bool = False
    policy: LightPolicy = field(default_factory=LightPolicy)


@dataclass(frozen=True, slots=True)
class Turns:
    """The days from which each colour holds; without `grey` the severest colour that has begun is shown."""

    blue_from: date | None = None
    yellow_from: date | None = None
    red_from: date | None = None
    grey: LightReason | None = None
    yellow_causes: tuple[tuple[LightReason, date], ...] = ()
    calendar_uncertain: bool = False

    def reasons_document(self) -> dict[str, Any]:
        """What has to be stored beside the three dates, so that any day's reasons can be given later."""
        return {
            "grey": None if self.grey is None else self.grey.value,
            "yellow": {reason.value: since.isoformat() for reason, since in self.yellow_causes},
            "calendar_uncertain": self.calendar_uncertain,
        }


def stored_turns(
    blue_from: date | None, yellow_from: date | None, red_from: date | None, reasons: Mapping[str, Any]
) -> Turns:
    """The inverse of storing the three dates and `reasons_document()`."""
    grey = reasons["grey"]
    causes = ((LightReason(name), date.fromisoformat(since)) for name, since in reasons["yellow"].items())
    return Turns(
        blue_from=blue_from,
        yellow_from=yellow_from,
        red_from=red_from,
        grey=None if grey is None else LightReason(grey),
        yellow_causes=tuple(causes),
        calendar_uncertain=reasons["calendar_uncertain"],
    )


def turn_dates(facts: LightInput) -> Turns:
    """All dates a write has to store; a missing calendar year never fails, it is counted in days and said so."""
    grey = LightReason.CLOCK_SUSPENDED if facts.clock_suspended else None
    grey = _NO_CLOCK.get(facts.clock, grey)
    if grey is not None:
        return Turns(grey=grey)
    due = facts.next_review_on if facts.clock is Clock.SUSTAINING else facts.due_on
    causes: list[tuple[LightReason, date]] = []
    if facts.open_milestones:
        causes.append((LightReason.MILESTONE_MISSED, _later(min(facts.open_milestones), 1)))
    if due is None:
        return _turns(causes)
    blue_from, blue_known = _first_day_with(facts.calendar, due, facts.policy.blue_workdays)
    very_soon, yellow_known = _first_day_with(facts.calendar, due, facts.policy.yellow_workdays)
    causes.insert(0, (LightReason.DUE_VERY_SOON, very_soon))
    if facts.clock is Clock.RUNNING and (behind := _behind_from(facts, due)) is not None:
        causes.append((LightReason.BEHIND_PACE, behind))
    return _turns(causes, blue_from, _later(due, 1), uncertain=not (blue_known and yellow_known))


def light_on(turns: Turns, day: date) -> Light:
    """The colour on a day; between two writes it only ever gets worse."""
    if turns.grey is not None:
        return Light.GREY
    if _begun(turns.red_from, day):
        return Light.RED
    if _begun(turns.yellow_from, day):
        return Light.YELLOW
    return Light.BLUE if _begun(turns.blue_from, day) else Light.GREEN


def reasons_on(turns: Turns, day: date) -> tuple[LightReason, ...]:
    """Why the light has its colour on that day, the gravest reason first; never empty."""
    if turns.grey is not None:
        return (turns.grey,)
    past_due = _begun(turns.red_from, day)
    reasons = [LightReason.PAST_DUE] if past_due else []
    # "Due soon" says less than "past due" or "due very soon" and would only be noise beside them.
    begun = [reason for reason, since in turns.yellow_causes if since <= day]
    reasons += [reason for reason in begun if not (past_due and reason is LightReason.DUE_VERY_SOON)]
    if _begun(turns.blue_from, day) and not past_due and LightReason.DUE_VERY_SOON not in begun:
        reasons.append(LightReason.DUE_SOON)
    if turns.red_from is None:
        reasons.append(LightReason.NO_DUE_DATE)
    if not reasons:
        reasons.append(LightReason.ON_PACE)
    if turns.calendar_uncertain:
        reasons.append(LightReason.CALENDAR_UNCERTAIN)
    return tuple(reasons)


def overdue_days(due_on: date | None, day: date) -> int:
    """Calendar days past the due date; 0 on the due date itself and without one."""
    return 0 if due_on is None else max(0, (day - due_on).days)


def _turns(
    causes: list[tuple[LightReason, date]],
    blue_from: date | None = None,
    red_from: date | None = None,
    *,
    uncertain: bool = False,
) -> Turns:
    return Turns(
        blue_from=blue_from,
        yellow_from=min((since for _, since in causes), default=None),
        red_from=red_from,
        yellow_causes=tuple(causes),
        calendar_uncertain=uncertain,
    )


def _begun(since: date | None, day: date) -> bool:
    return since is not None and since <= day


def _first_day_with(calendar: Calendar, due: date, workdays_left: int) -> tuple[date, bool]:
    """The first day after which at most so many working days remain, and whether the calendar knew it."""
    try:
        last = due if calendar.is_workday(due) else calendar.minus_workdays(due, 1)
        return calendar.minus_workdays(last, workdays_left), True
    except CalendarUncertain:
        return _later(due, -workdays_left), False


def _behind_from(facts: LightInput, due: date) -> date | None:
    """The first day on which a straight line from start to due date is `behind_points` ahead of the progress."""
    start, points = facts.started_on, facts.percent + facts.policy.behind_points
    if start is None or start >= due or points > _WHOLE:
        return None
    # Rounded up on integers: the line reaches the points during that day's step, not before.
    return _later(start, -(-points * (due - start).days // _WHOLE))


def _later(day: date, days: int) -> date:
    """Days later or earlier; dates at the ends of the calendar stay there instead of failing."""
    return date.fromordinal(min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal()))
