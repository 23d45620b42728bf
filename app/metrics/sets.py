"""Sets of items as SQL conditions over `i`, an item as it is or as it was: every column named here is kept by both.

A row of `i` stands for what was known in its version, so "known by then" of a child row is `changed_seq <= i.version`.
Lookups stand behind a condition that few rows pass, because a figure may walk a million of them.
"""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.lifecycle.states import OPEN, TERMINAL, State

BEIJING = "interval '08:00'"


@dataclass(frozen=True, slots=True)
class Terms:
    """SQL expressions for the day the figures are of (a date) and their period (an array of its first and last day)."""

    day: str
    period: str

    @property
    def first(self) -> str:
        return f"({self.period})[1]"

    @property
    def last(self) -> str:
        return f"({self.period})[2]"

    @property
    def start(self) -> str:
        return midnight(self.first)

    @property
    def end(self) -> str:
        return midnight(f"{self.last} + 1")

    @property
    def year(self) -> str:
        """The beginning of the year the period ends in."""
        return midnight(f"date_trunc('year', ({self.last})::timestamp)::date")


Condition = Callable[[Terms], str]
"""Gives a condition, or the expression of a value."""


def midnight(day: str) -> str:
    """When a day begins in China, as an instant."""
    return f"(({day})::timestamp AT TIME ZONE {BEIJING})"


def within(instant: str, t: Terms) -> str:
    return f"({instant} >= {t.start} AND {instant} < {t.end})"


def both(*conditions: Condition) -> Condition:
    return lambda t: " AND ".join(f"({condition(t)})" for condition in conditions)


def once(name: str, part: Condition, whole: Condition) -> Condition:
    """A join that finds once an item whether it is of the whole, and only if it is, whether it is of the part.

    The offsets keep what is looked up for that from being copied to each place it is asked in.
    """
    return lambda t: (
        f"CROSS JOIN LATERAL (SELECT w.whole, w.whole AND ({part(t)}) AS part FROM (SELECT {whole(t)} AS whole OFFSET 0) w"
        f" OFFSET 0) {name}"
    )


def one_of(states: Iterable[State]) -> Condition:
    listed = ",".join(f"'{state}'" for state in sorted(states))
    return lambda _: f"i.state IN ({listed})"


VERIFIED = frozenset({State.CLOSING, State.PUBLIC_NOTICE, State.CLOSED})
"""All three gates of the current submission are passed or validly waived."""
REPORTED = VERIFIED | {State.VERIFYING}

due_base = one_of(OPEN | {State.CLOSED})
on_ledger = one_of(OPEN)
in_progress = one_of(OPEN - {State.SUSTAINING})
sustaining = one_of({State.SUSTAINING})
closed = one_of({State.CLOSED})
reported = one_of(REPORTED)
verified = one_of(VERIFIED)


def off_ledger(t: Terms) -> str:
    return f"i.registered_at IS NOT NULL AND {one_of(TERMINAL)(t)}"


def immediate(_: Terms) -> str:
    return "i.mode = 'immediate'"


def past_due(t: Terms) -> str:
    return f"i.due_on < {t.day}"


overdue = both(in_progress, past_due)


def _done_by(due: str) -> str:
    return f"({verified_text} AND i.completed_at < {midnight(f'{due} + 1')})"


verified_text = verified(Terms("", ""))


def done_late(_: Terms) -> str:
    return f"{verified_text} AND NOT coalesce({_done_by('i.due_on')}, true)"


def ever_overdue(t: Terms) -> str:
    """Once the gates are passed the day of the report decides: slow signatures make nobody late."""
    return f"({overdue(t)} AND NOT ({verified_text})) OR ({done_late(t)})"


def due_originally(t: Terms) -> str:
    return f"{due_base(t)} AND i.original_due_on BETWEEN {t.first} AND {t.last}"


def due_currently(t: Terms) -> str:
    return f"{due_base(t)} AND i.due_on BETWEEN {t.first} AND {t.last}"


def in_time_originally(_: Terms) -> str:
    return _done_by("i.original_due_on")


def in_time_currently(_: Terms) -> str:
    return _done_by("i.due_on")


def due_and_open(t: Terms) -> str:
    return f"{in_progress(t)} AND i.due_on BETWEEN {t.first} AND {t.last}"


def sustained_on_track(_: Terms) -> str:
    """The last stage review of the cycle decides."""
    return (
        "i.state = 'sustaining' AND (SELECT r.result FROM stage_review r WHERE r.item_id = i.id AND r.cycle = i.cycle"
        " AND r.changed_seq <= i.version ORDER BY r.changed_seq DESC LIMIT 1) = 'on_track'"
    )


def verified_or_sustained(t: Terms) -> str:
    return f"({verified(t)}) OR ({sustained_on_track(t)})"


def registered_within(t: Terms) -> str:
    return within("i.registered_at", t)


def _earlier_closing(t: Terms, condition: str) -> str:
    """A cycle that is over, closed in the period: `c` is what was frozen of it, and the item was written since."""
    return (
        f"(i.cycle > 1 AND i.updated_at >= {t.start} AND EXISTS (SELECT FROM item_cycle c WHERE c.item_id = i.id"
        f" AND c.cycle < i.cycle AND {within('c.closed_at', t)} AND {condition}))"
    )


def closed_within(t: Terms) -> str:
    now = f"(i.state = 'closed' AND {within('i.closed_at', t)})"
    return f"({now} OR {_earlier_closing(t, 'true')})"


def closings_within(t: Terms) -> str:
    """How many times an item was closed in the period."""
    now = f"(i.state = 'closed' AND {within('i.closed_at', t)})::int"
    before = (
        "(SELECT count(*)::int FROM item_cycle c WHERE c.item_id = i.id AND c.cycle < i.cycle"
        f" AND {within('c.closed_at', t)})"
    )
    return f"(coalesce({now}, 0) + CASE WHEN i.cycle > 1 THEN {before} ELSE 0 END)"


_REOPENING = (
    "SELECT r.valid_from FROM item_version r WHERE r.item_id = i.id AND r.cycle > 1 AND r.cycle = {cycle}"
    " AND r.version <= i.version ORDER BY r.version LIMIT 1"
)
"""The moment a cycle after the first began."""


def reopened_within(t: Terms) -> str:
    """A cycle after the first began in the period: the first version of it lies there."""
    began = _REOPENING.format(cycle="again.cycle")
    return (
        f"(i.cycle > 1 AND i.updated_at >= {t.start} AND EXISTS (SELECT FROM generate_series(2, i.cycle) AS again(cycle)"
        f" CROSS JOIN LATERAL ({began}) AS began WHERE {within('began.valid_from', t)}))"
    )


def _state_at(moment: str) -> str:
    """The state when `moment` began; rows untouched since then need no look into their past."""
    return (
        f"(CASE WHEN i.updated_at < {moment} THEN i.state ELSE (SELECT o.state FROM item_version o"
        f" WHERE o.item_id = i.id AND o.valid_from < {moment} ORDER BY o.valid_from DESC LIMIT 1) END)"
    )


def _open_at(moment: str) -> str:
    listed = ",".join(f"'{state}'" for state in sorted(OPEN))
    return f"(i.registered_at < {moment} AND {_state_at(moment)} IN ({listed}))"


def carried(t: Terms) -> str:
    """Open when the period began, registered in it, or reopened in it."""
    return (
        f"{due_base(t)} AND i.registered_at < {t.end}"
        f" AND ({registered_within(t)} OR {_open_at(t.start)} OR {reopened_within(t)})"
    )


def carried_since_new_year(t: Terms) -> str:
    return f"{due_base(t)} AND i.registered_at < {t.end} AND (i.registered_at >= {t.year} OR {_open_at(t.year)})"


def _came_back() -> str:
    """Within twelve months by the calendar of China, counted from the closing."""
    after_a_year = f"((c.closed_at AT TIME ZONE {BEIJING}) + interval '12 months') AT TIME ZONE {BEIJING}"
    return f"({_REOPENING.format(cycle='c.cycle + 1')}) < {after_a_year}"


def first_cohort(t: Terms) -> str:
    now = f"(i.state = 'closed' AND i.cycle = 1 AND {within('i.closed_at', t)})"
    return f"({now} OR {_earlier_closing(t, 'c.cycle = 1')})"


def first_rebounds(t: Terms) -> str:
    return _earlier_closing(t, f"c.cycle = 1 AND {_came_back()}")


def later_cohort(t: Terms) -> str:
    now = f"(i.state = 'closed' AND i.cycle > 1 AND {within('i.closed_at', t)})"
    return f"({now} OR {_earlier_closing(t, 'c.cycle > 1')})"


def later_rebounds(t: Terms) -> str:
    return _earlier_closing(t, f"c.cycle > 1 AND {_came_back()}")


def closings(t: Terms) -> str:
    """As `ballots`."""
    return f"CROSS JOIN LATERAL (SELECT {closings_within(t)} AS times OFFSET 0) closings"


def measures_total(_: Terms) -> str:
    return "i.measures_total"


def measures_done(_: Terms) -> str:
    return "i.measures_done"


CLOSE_OUT = REPORTED
_NOT_CLOSE_OUT = f"NOT ({one_of(CLOSE_OUT)(Terms('', ''))})"


def _judged(number: str) -> str:
    """Withdrawing is possible only while no gate is judged: a submission with a verdict was accepted or returned."""
    return (
        f"EXISTS (SELECT FROM gate_result g WHERE g.item_id = i.id AND g.submission_no = {number}"
        " AND g.changed_seq <= i.version)"
    )


def first_accepted(_: Terms) -> str:
    """The first completion report passed the gates and was not sent back by the chain or an objection."""
    second = "EXISTS (SELECT FROM submission s WHERE s.item_id = i.id AND s.submission_no = 2 AND s.cycle > 1)"
    return (
        f"(i.submission_no = 1 AND (i.cycle > 1 OR {verified_text}))"
        f" OR (i.submission_no > 1 AND i.cycle > 1 AND {second})"
    )


def first_judged(t: Terms) -> str:
    open_again = f"(i.submission_no = 1 AND i.cycle = 1 AND {_NOT_CLOSE_OUT})"
    return f"{first_accepted(t)} OR ((i.submission_no > 1 OR {open_again}) AND {_judged('1')})"


def submissions(_: Terms) -> str:
    return "i.submission_no"


_FEW = f"(i.submission_no > 1 OR (i.submission_no = 1 AND i.cycle = 1 AND {_NOT_CLOSE_OUT}))"


def returns(_: Terms) -> str:
    """Judged, and followed by another report in the same cycle or by work that goes on."""
    # Of an item in its first cycle nothing has to be looked up for that: all its reports are of one cycle.
    followed = (
        "(s.submission_no < i.submission_no AND (i.cycle = 1 OR EXISTS (SELECT FROM submission n"
        " WHERE n.item_id = s.item_id AND n.submission_no = s.submission_no + 1 AND n.cycle = s.cycle)))"
    )
    back = f"(s.submission_no = i.submission_no AND s.cycle = i.cycle AND {_NOT_CLOSE_OUT})"
    found = (
        "SELECT count(*)::int FROM submission s WHERE s.item_id = i.id AND s.submission_no <= i.submission_no"
        f" AND ({followed} OR {back}) AND {_judged('s.submission_no')}"
    )
    return f"CASE WHEN {_FEW} THEN ({found}) ELSE 0 END"


_SATISFIED = "s.satisfied + s.basically_satisfied"
_VALID = f"{_SATISFIED} + s.dissatisfied"
_OF_SUBMISSION = (
    "FROM survey s WHERE i.submission_no > 0 AND s.item_id = i.id AND s.submission_no = i.submission_no"
    " AND s.cycle = i.cycle AND s.changed_seq <= i.version"
)


def ballots_satisfied(_: Terms) -> str:
    return f"(SELECT coalesce(sum({_SATISFIED}), 0)::int {_OF_SUBMISSION})"


def ballots_valid(_: Terms) -> str:
    return f"(SELECT coalesce(sum({_VALID}), 0)::int {_OF_SUBMISSION})"


def ballots(_: Terms) -> str:
    """Looked up once an item, where a figure needs a value in several places."""
    return (
        f"CROSS JOIN LATERAL (SELECT coalesce(sum({_SATISFIED}), 0)::int AS satisfied, coalesce(sum({_VALID}), 0)::int AS valid"
        f" {_OF_SUBMISSION}) ballots"
    )


def returned(t: Terms) -> str:
    """As `ballots`; the offset keeps it from being copied to each of those places."""
    return f"CROSS JOIN LATERAL (SELECT {returns(t)} AS reports OFFSET 0) returned"


_PEOPLE = (
    "(SELECT g.result FROM gate_result g WHERE i.submission_no > 0 AND g.item_id = i.id AND g.submission_no = i.submission_no"
    " AND g.gate = 'people_satisfied' AND g.cycle = i.cycle AND g.changed_seq <= i.version ORDER BY g.changed_seq DESC LIMIT 1)"
)
"""The last word of the people the item concerns on its current report."""


def people_satisfied(_: Terms) -> str:
    return f"coalesce(({_PEOPLE} = 'passed')::int, 0)"


def people_asked(_: Terms) -> str:
    return f"coalesce(({_PEOPLE} IN ('passed', 'failed'))::int, 0)"


def people(_: Terms) -> str:
    return (
        "CROSS JOIN LATERAL (SELECT coalesce((p.said = 'passed')::int, 0) AS satisfied,"
        f" coalesce((p.said IN ('passed', 'failed'))::int, 0) AS asked FROM (SELECT {_PEOPLE} AS said OFFSET 0) p) people"
    )


def satisfaction_waived(_: Terms) -> str:
    """By the last word on the gate; nobody judges a report any more once the item is closed on it.

    Found once for all items, because nearly all of them are closed.
    """
    later = (
        "SELECT FROM gate_result l WHERE l.item_id = g.item_id AND l.submission_no = g.submission_no"
        " AND l.gate = 'people_satisfied' AND l.changed_seq > g.changed_seq"
    )
    return (
        "i.state = 'closed' AND (i.id, i.submission_no) IN (SELECT g.item_id, g.submission_no FROM gate_result g"
        f" WHERE g.gate = 'people_satisfied' AND g.result = 'waived' AND NOT EXISTS ({later}))"
    )


def having(kind: str) -> Condition:
    """Items with an outcome of a kind that was recorded by then and not yet removed; kinds are found once for all items."""
    known = f"item_id = i.id AND o.kind = '{kind}' AND o.created_at <= i.updated_at"
    ever = " UNION ALL ".join(
        f"SELECT item_id FROM {table} WHERE kind = '{kind}'" for table in ("outcome", "outcome_gone")
    )
    return lambda t: (
        f"{due_base(t)} AND i.id IN ({ever}) AND (EXISTS (SELECT FROM outcome o WHERE o.{known})"
        f" OR EXISTS (SELECT FROM outcome_gone o WHERE o.{known} AND o.gone_at > i.updated_at))"
    )
