"""What a month came to stays what it was, whatever the model lets anybody do to its items in the month after.

Lives begun in one month go on in the next as the model test lets them, every call predicted. The month is frozen when it
is over and then told anew again and again by what was known of it: it must come to the same text, byte by byte.
RECTIFY_TEST_MODEL_STEPS sets how many calls are tried (an eighth of those of the model, at least 120), RECTIFY_TEST_SEED which.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

from app.core import clock
from app.core.asof import AGE
from app.demo.client import Json
from app.features.statistics.freezing import Frozen, Span, freeze, last_day
from app.features.statistics.snapshot_schemas import SnapshotKind
from tests.model.reference import PEOPLE
from tests.model.service import Service
from tests.model.test_model import DEPTHS, SEED, STEPS, Life, a_life, service
from tests.support.crowd import say

__all__ = ["service"]
CALLS = max(120, STEPS // 8)
EVERY = 30
"""Steps between two looks at what is frozen."""
REFUSALS = ("separation_of_duties", "guards_unmet", "child_frozen")


async def _told(service: Service, first: date, known_at: datetime) -> Frozen:
    last = last_day(SnapshotKind.MONTH, first)
    span = Span(SnapshotKind.MONTH, first, last, known_at)
    async with service.world.db.snapshot() as reader:
        return await freeze(reader, UUID(service.world.made.units["bureau"]), span, root=True)


def _go(life: Life, random: Random) -> None:
    """A step of the model test, drawn here because there is more than one life."""
    pick = random.randrange(10_000)
    kind = random.randrange(6)
    if kind == 0:
        life.try_what_is_refused(pick, random.choice(REFUSALS))
    elif kind == 1:
        life.ask("reopen", random.choice(PEOPLE), pick)
    elif kind == 2:
        life.carry_on(pick)
    else:
        life.go_on(pick)
    life.the_item_is_what_the_model_has()


def _upset(lives: dict[str, Life], paper: datetime) -> None:
    """What could change a month that is over: reopening, merging, and what is closed on paper in it and entered later."""
    lives["closed"].ask("reopen", "supervision_office", 0)
    lives["registered"].ask("merge", "supervision_office", 0)
    lives["closing"].requests.paper = paper
    lives["closing"].ask("record_offline_closure", "supervision_office", 0)
    assert [life.model.state for life in lives.values()] == ["planning", "merged", "closed"]


async def _posted(service: Service, first: date) -> Json:
    body = {"unit_id": service.world.made.units["bureau"], "kind": "month", "period_from": first.isoformat()}
    return await (await service.world.as_("supervision_office")).post("/snapshots", body)


async def _shown(service: Service, frozen: Json) -> Json:
    return await (await service.world.as_("supervision_office")).get(f"/snapshots/{frozen['id']}")


def test_a_frozen_month_stays_what_it_was_under_the_model(service: Service) -> None:
    random = Random(SEED)
    lives = [a_life(service, depth) for depth in DEPTHS[::2]]
    named = {state: a_life(service, depth) for state, depth in (("closed", 18), ("registered", 2), ("closing", 15))}
    paper = clock.now()
    first = clock.beijing_date(paper).replace(day=1)
    end = clock.end_of_day(last_day(SnapshotKind.MONTH, first))
    next_month = service.world.at(timedelta(days=35))
    service.run(next_month.__aenter__())
    try:
        frozen = service.run(_posted(service, first))
        text = service.run(_told(service, first, end)).content
        _upset(named, paper)
        Life.steps, before = 0, Life.reached.copy()
        while Life.steps < CALLS:
            for _ in range(EVERY):
                _go(random.choice([*lives, *named.values()]), random)
            assert service.run(_told(service, first, end)).content == text
        say(f"frozen, seed {SEED}: {Life.steps} calls, {dict(Life.reached - before)}")
        assert service.run(_shown(service, frozen)) == frozen
        assert sha256(text.encode()).hexdigest() == frozen["content_hash"]
        # By what is known now the month is another one, so that the equality above is no accident.
        assert service.run(_told(service, first, clock.now() - AGE)).content != text
    finally:
        service.run(next_month.__aexit__(None, None, None))
