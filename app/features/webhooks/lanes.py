"""What may be sent next, and what is left to do afterwards: pure, so that it can be tried with every mix of answers.

The events of one thing form a lane and are sent one after another; lanes do not wait for each other. The cursor never
passes an event that was neither delivered nor set aside, unless that event is held by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.features.webhooks.rules import DeliveryOutcome, after_refusal


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event on its way; `held` where it was passed by the cursor and is kept by name."""

    position: int
    event_id: UUID
    subject_kind: str
    subject_id: UUID
    body: bytes
    attempts: int = 0
    due_at: datetime | None = None
    held: bool = False


class Progress(NamedTuple):
    """What to remember: `ahead` are settled positions behind the cursor, `keep` and `drop` changes of what is held."""

    cursor: int
    ahead: list[int]
    keep: list[Parcel]
    drop: list[int]


@dataclass(slots=True)
class _Lane:
    parcels: deque[Parcel] = field(default_factory=deque)
    moving: bool = False
    blocked: bool = False

    def look(self, now: datetime) -> None:
        """Blocked while its first event is to be tried again later."""
        due = self.parcels[0].due_at if self.parcels else None
        self.blocked = due is not None and due > now


class Round:
    """One pass over what is due. `fresh` are events after the cursor up to `reach` that are not settled, in order."""

    def __init__(
        self, begin: tuple[int, Collection[int]], reach: int, held: Iterable[Parcel], fresh: Iterable[Parcel], now: datetime
    ) -> None:  # fmt: skip
        self._cursor, ahead = begin
        self._reach = reach
        self._now = now
        self._settled = set(ahead)
        self._drop: list[int] = []
        self._lanes: dict[UUID, _Lane] = {}
        self.over = False
        for parcel in held:
            self._lanes.setdefault(parcel.subject_id, _Lane()).parcels.append(parcel)
        for lane in self._lanes.values():
            lane.look(now)
        for parcel in fresh:
            self._lanes.setdefault(parcel.subject_id, _Lane()).parcels.append(parcel)
        self._order = deque(self._lanes.values())

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send."""
        return not any(lane.parcels and not lane.blocked for lane in self._lanes.values())

    def take(self) -> Parcel | None:
        """The first event of a lane in which nothing is on its way; None when there is none, or no more."""
        if self.over:
            return None
        for _ in range(len(self._order)):
            lane = self._order[0]
            if lane.parcels and not lane.moving and not lane.blocked:
                lane.moving = True
                return lane.parcels[0]
            self._order.rotate(-1)
        return None

    def answered(self, parcel: Parcel, outcome: DeliveryOutcome) -> DeliveryOutcome:
        """Notes what became of an event that was taken; a refusal too many is told as `set_aside`."""
        lane = self._lanes[parcel.subject_id]
        lane.moving = False
        if outcome in {DeliveryOutcome.AWAY, DeliveryOutcome.GONE}:
            self.over = True
            return outcome
        wait = after_refusal(parcel.attempts + 1) if outcome is DeliveryOutcome.REFUSED else None
        if wait is not None:
            due = self._now + timedelta(seconds=wait)
            lane.parcels[0] = replace(parcel, attempts=parcel.attempts + 1, due_at=due)
            lane.look(self._now)
            return outcome
        lane.parcels.popleft()
        lane.look(self._now)
        if parcel.held:
            self._drop.append(parcel.position)
        else:
            self._settled.add(parcel.position)
        return DeliveryOutcome.SET_ASIDE if outcome is DeliveryOutcome.REFUSED else outcome

    def forget(self, positions: Iterable[int]) -> None:
        """What is held and no longer for this owner."""
        self._drop.extend(positions)

    def progress(self) -> Progress:
        """Once nothing is on its way any more."""
        keep, waiting = [], []
        for lane in self._lanes.values():
            if lane.blocked:
                keep += [
                    replace(one, held=True, due_at=None if place else one.due_at)
                    for place, one in enumerate(lane.parcels)
                ]
                self._settled.update(one.position for one in lane.parcels if not one.held)
            elif lane.parcels:
                first = lane.parcels[0]
                keep += [replace(first, due_at=first.due_at or self._now)] * first.held
                waiting += [one.position for one in lane.parcels if not one.held]
        cursor = min(waiting) - 1 if waiting else self._reach
        ahead = sorted(position for position in self._settled if position > cursor)
        return Progress(cursor, ahead, keep, self._drop)
