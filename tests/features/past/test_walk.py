"""The past is what was answered: at random instants of a random history, for several callers, and again ever after."""

from __future__ import annotations

import os
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from app.lifecycle.retold import START, stored
from app.lifecycle.states import OPEN
from app.lifecycle.told import WORDS
from app.tables.item import WRITTEN
from app.trail import read
from app.trail.canonical import jsonable
from app.trail.fold import Told, fold
from app.trail.proof.chains import Link
from app.trail.proof.fold import Folded
from tests.features.past.walk import SETTLED, Asked, Walk, as_then, rounds, whole
from tests.make.world import World

STEPS = int(os.environ.get("RECTIFY_TEST_PAST_STEPS", "150"))


async def recall(walk: Walk, asked: Asked) -> None:
    """Asks for the past what was once asked of the present."""
    params = {**asked.params, "as_of": asked.at.isoformat()}
    answers = await whole(await walk.world.as_(asked.who), asked.path, params)
    if not asked.past:
        told = [as_then(answer.json()) for answer in answers]
        live = [as_then(answer) for answer in asked.answer]
        if answers[0].status_code == 404:
            told, live = [one["code"] for one in told], [one["code"] for one in live]
        assert told == live, (asked.who, asked.path, params)
        asked.past = [answer.content for answer in answers]
    again = [answer.content for answer in answers]
    if answers[0].status_code == 200:
        assert again == asked.past, (asked.who, asked.path, params)


async def recall_in_states(walk: Walk, asked: Asked) -> None:
    """A list of the present without a filter of states tells which items were in some of them, and in which order."""
    if asked.path != "/v1/items" or "state" in asked.params:
        return
    states = walk.random.sample(sorted(OPEN), 4)
    params = asked.params | {"as_of": asked.at.isoformat(), "state": ",".join(states), "limit": 50}
    answers = await whole(await walk.world.as_(asked.who), asked.path, params)
    found = [one["id"] for answer in answers for one in answer.json()["items"]]
    live = [one for answer in asked.answer for one in answer["items"]]
    assert found == [one["id"] for one in live if one["state"] in states], (asked.who, params)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_past_answers_what_the_present_answered_and_never_anything_else(world: World, seed: int) -> None:
    with ExitStack() as skew:
        walk = Walk(world, Random(seed), skew)
        for part in rounds(STEPS, 3):
            for _ in part:
                await walk.step()
                await walk.ask()
            walk.wait(SETTLED)
            for asked in walk.asked:
                await recall(walk, asked)
            for asked in walk.asked:
                await recall_in_states(walk, asked)
    answers = [one for asked in walk.asked for one in asked.answer]
    items = [one for answer in answers for one in answer.get("items", ())]
    assert len(items) > 2 * STEPS
    assert len({one["state"] for one in items}) > 6
    assert len(set(walk.done)) > 9, set(walk.done)
    assert "delete" in walk.done
    await _every_row_is_the_sum_of_its_events(world)


async def _every_row_is_the_sum_of_its_events(world: World) -> None:
    rows = await world.db.fetch("SELECT * FROM item")
    assert rows
    for row in rows:
        story = await read.item_story(world.db, row["id"], row["version"])
        told = fold(START, WORDS, story)
        assert list(_outsiders(story).differences(told, _head(told))) == [], "the verifier has its own sum"
        as_json = {name: jsonable(row[name]) if name != "head_hash" else row[name].hex() for name in WRITTEN}
        assert told == as_json
        kept = {name: row[name] for name in WRITTEN if name != "head_hash"}
        assert {name: value for name, value in stored(told).items() if name != "head_hash"} == kept


def _outsiders(story: list[Told]) -> Folded:
    """The same events summed up by the offline verifier, which shares no code with the service."""
    found = Folded()
    found.begin(story[0].body["at"], story[0].body["pay"])
    for event in story:
        found.tell(event.said, event.body["pay"].keys() - event.said.keys())
    assert found.whole
    assert not found.unknown
    return found


def _head(row: dict[str, Any]) -> Link:
    return Link(seq=row["version"], hash=row["head_hash"], state=row["state"], at=row["updated_at"], kind="item")
