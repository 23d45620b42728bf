"""Whatever a receiver answers and whenever: nothing is lost, the order of each thing is kept, the cursor passes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.webhooks.lanes import Parcel, Round
from app.features.webhooks.rules import DeliveryOutcome

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 5
ANSWERS = [DeliveryOutcome.DELIVERED, DeliveryOutcome.REFUSED, DeliveryOutcome.AWAY]


def parcel(position: int, subject: int) -> Parcel:
    return Parcel(position, UUID(int=position), "item", UUID(int=1000 + subject), b"{}")


@dataclass
class Sender:
    """A log, an endpoint's memory of it, and a receiver of moods."""

    log: dict[int, Parcel]
    last: int
    cursor: int = 0
    ahead: list[int] = field(default_factory=list)
    held: dict[int, Parcel] = field(default_factory=dict)
    now: datetime = START
    taken: list[Parcel] = field(default_factory=list)
    set_aside: set[int] = field(default_factory=set)

    def read(self) -> tuple[list[Parcel], int]:
        rest = [self.log[place] for place in sorted(self.log) if place > self.cursor][:BATCH]
        reach = rest[-1].position if len(rest) == BATCH else self.last
        return [one for one in rest if one.position not in self.ahead], reach

    def due_with(self, fresh: list[Parcel]) -> list[Parcel]:
        subjects = {one.subject_id for one in fresh}
        subjects |= {one.subject_id for one in self.held.values() if one.due_at and one.due_at <= self.now}
        return [self.held[place] for place in sorted(self.held) if self.held[place].subject_id in subjects]

    def round(self, answers: list[DeliveryOutcome], order: Random, *, lanes: int = 3) -> None:
        """One pass, with several calls under way that end in any order; a crash would just leave all as it was."""
        fresh, reach = self.read()
        due = Round((self.cursor, self.ahead), reach, self.due_with(fresh), fresh, self.now)
        calls: list[Parcel] = []
        while True:
            while len(calls) < lanes and (one := due.take()) is not None:
                assert one.subject_id not in {other.subject_id for other in calls}
                assert one.due_at is None or one.due_at <= self.now
                calls.append(one)
            if not calls:
                break
            one = calls.pop(order.randrange(len(calls)))
            told = due.answered(one, answers.pop(0) if answers else DeliveryOutcome.DELIVERED)
            if told is DeliveryOutcome.DELIVERED:
                self.taken.append(one)
            elif told is DeliveryOutcome.SET_ASIDE:
                self.set_aside.add(one.position)
        made = due.progress()
        self.cursor, self.ahead = made.cursor, made.ahead
        self.held = {place: one for place, one in self.held.items() if place not in made.drop}
        self.held |= {one.position: one for one in made.keep}

    def check(self) -> None:
        settled = {one.position for one in self.taken} | self.set_aside | set(self.held)
        assert {place for place in self.log if place <= self.cursor} <= settled
        assert set(self.ahead) <= settled
        assert all(place > self.cursor for place in self.ahead)
        assert all(one.held and one.position == place for place, one in self.held.items())
        heads = {
            min(one.position for one in self.held.values() if one.subject_id == each.subject_id)
            for each in self.held.values()
        }
        assert {one.position for one in self.held.values() if one.due_at is not None} == heads

    @property
    def done(self) -> bool:
        return self.cursor == self.last and not self.held


@given(
    subjects=st.lists(st.integers(0, 3), max_size=30),
    gaps=st.lists(st.integers(1, 3), min_size=30, max_size=30),
    moods=st.lists(st.lists(st.sampled_from(ANSWERS), max_size=12), max_size=25),
    seconds=st.lists(st.integers(0, 4000), min_size=25, max_size=25),
    seed=st.integers(0, 2**16),
)
def test_every_event_arrives_or_is_set_aside_in_the_order_of_its_thing(
    subjects: list[int], gaps: list[int], moods: list[list[DeliveryOutcome]], seconds: list[int], seed: int
) -> None:
    position, log = 0, {}
    for subject, gap in zip(subjects, gaps, strict=False):
        position += gap
        log[position] = parcel(position, subject)
    sender, order = Sender(log, position + 2), Random(seed)
    for mood, wait in zip(moods, seconds, strict=False):
        sender.round(list(mood), order)
        sender.check()
        sender.now += timedelta(seconds=wait)
    for _ in range(60):
        sender.now += timedelta(hours=2)
        sender.round([], order)
        sender.check()
    assert sender.done
    places = [one.position for one in sender.taken]
    assert {*places, *sender.set_aside} == set(log)
    assert len(places) == len(set(places))
    for subject in set(subjects):
        own = [one.position for one in sender.taken if one.subject_id == UUID(int=1000 + subject)]
        assert own == sorted(own)


def begun(*subjects: int) -> Round:
    fresh = [parcel(place, subject) for place, subject in enumerate(subjects, 1)]
    return Round((0, ()), len(fresh), (), fresh, START)


def taken(due: Round) -> Parcel:
    found = due.take()
    assert found is not None
    return found


def test_the_events_of_one_thing_wait_for_each_other_and_for_nobody_else() -> None:
    due = begun(1, 1, 2, 1, 3)
    first = [taken(due).position for _ in range(3)]
    assert sorted(first) == [1, 3, 5]
    assert due.take() is None
    due.answered(parcel(1, 1), DeliveryOutcome.DELIVERED)
    assert taken(due).position == 2


def test_a_refused_event_holds_up_what_follows_it_and_lets_the_cursor_pass() -> None:
    due = begun(1, 2, 1)
    due.answered(taken(due), DeliveryOutcome.REFUSED)
    due.answered(taken(due), DeliveryOutcome.DELIVERED)
    assert due.take() is None
    made = due.progress()
    assert (made.cursor, made.ahead, made.drop) == (3, [], [])
    assert [(one.position, one.attempts, one.due_at) for one in made.keep] == [
        (1, 1, START + timedelta(seconds=5)),
        (3, 0, None),
    ]


def test_behind_an_away_receiver_the_cursor_stays_and_what_arrived_is_remembered() -> None:
    due = begun(1, 2, 3)
    calls = [taken(due) for _ in range(3)]
    due.answered(calls[1], DeliveryOutcome.DELIVERED)
    due.answered(calls[0], DeliveryOutcome.AWAY)
    assert due.take() is None
    due.answered(calls[2], DeliveryOutcome.DELIVERED)
    assert due.progress() == (0, [2, 3], [], [])


@pytest.mark.parametrize("attempts", [0, 1, 2, 3, 4])
def test_after_the_last_refusal_the_next_event_of_the_thing_has_its_turn(attempts: int) -> None:
    held = [replace(parcel(1, 1), attempts=attempts, due_at=START, held=True), replace(parcel(2, 1), held=True)]
    due = Round((9, ()), 9, held, (), START)
    told = due.answered(taken(due), DeliveryOutcome.REFUSED)
    following = due.take()
    if attempts < 4:
        assert (told, following) == (DeliveryOutcome.REFUSED, None)
        assert [(one.position, one.attempts) for one in due.progress().keep] == [(1, attempts + 1), (2, 0)]
    else:
        assert told is DeliveryOutcome.SET_ASIDE
        assert following is not None
        due.answered(following, DeliveryOutcome.DELIVERED)
        assert due.progress() == (9, [], [], [1, 2])


def test_what_is_held_and_not_due_holds_up_new_events_of_its_thing() -> None:
    later = replace(parcel(1, 1), attempts=1, due_at=START + timedelta(seconds=1), held=True)
    due = Round((5, ()), 7, [later], [parcel(6, 1), parcel(7, 2)], START)
    assert taken(due).position == 7
    assert due.take() is None
    due.answered(parcel(7, 2), DeliveryOutcome.DELIVERED)
    made = due.progress()
    assert (made.cursor, [one.position for one in made.keep]) == (7, [1, 6])


def test_what_is_left_of_a_lane_when_time_is_up_comes_first_the_next_time() -> None:
    held = [replace(parcel(1, 1), due_at=START, held=True), replace(parcel(2, 1), held=True)]
    due = Round((5, ()), 6, held, [parcel(6, 1)], START)
    due.answered(taken(due), DeliveryOutcome.DELIVERED)
    made = due.progress()
    assert (made.cursor, made.drop) == (5, [1])
    assert [(one.position, one.due_at) for one in made.keep] == [(2, START)]
