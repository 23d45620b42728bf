"""Answers are remembered for seconds, made once at a time, and made again before they are due."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.features.statistics.fresh import AHEAD, MAX_AGE, MOST, MOST_NUMBERS, Fresh, Made
from app.features.statistics.sums import Sums


class Clockwork:
    def __init__(self) -> None:
        self.now = 1000.0
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def __call__(self) -> float:
        return self.now

    async def make(self) -> int:
        self.made += 1
        number = self.made
        await self.gate.wait()
        return number


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


async def test_an_answer_is_given_again_while_it_is_fresh_and_never_afterwards(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    assert await fresh.get("k", clockwork.make) == 1
    clockwork.now += AHEAD - 0.01
    assert await fresh.get("k", clockwork.make) == 1
    clockwork.now += MAX_AGE
    assert await fresh.get("k", clockwork.make) == 2
    assert await fresh.get("other", clockwork.make) == 3


async def test_large_answers_push_out_those_nobody_asks_for(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)

    async def large() -> Sums:
        await clockwork.make()
        sums = Sums()
        for place in range(1000):
            sums.add(dict.fromkeys(map(str, range(MOST_NUMBERS // 3000)), 1), place)
        return sums

    for key in "abc":
        await fresh.get(key, large)
    await fresh.get("a", large)
    assert clockwork.made == 3
    await fresh.get("d", large)
    assert [fresh.kept(key) is None for key in "abcd"] == [False, True, False, False]
    clockwork.now += MAX_AGE
    await fresh.get("d", large)
    assert [fresh.kept(key) is None for key in "abcd"] == [False, True, False, False], "its own last one is no other"


async def test_the_next_answer_is_made_while_the_last_is_still_given(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    await fresh.get("k", clockwork.make)
    clockwork.now += AHEAD
    assert await fresh.get("k", clockwork.make) == 1
    await asyncio.sleep(0.01)
    assert clockwork.made == 2
    assert await fresh.get("k", clockwork.make) == 2


async def test_what_takes_long_to_make_is_begun_earlier(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)

    async def slow() -> int:
        clockwork.now += 3
        return await clockwork.make()

    await fresh.get("k", slow)
    assert await fresh.get("k", clockwork.make) == 1
    await asyncio.sleep(0.01)
    assert clockwork.made == 2


async def test_many_who_ask_at_once_wait_for_one(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    clockwork.gate.clear()
    asking = [asyncio.create_task(fresh.get("k", clockwork.make)) for _ in range(20)]
    await asyncio.sleep(0.01)
    asking[0].cancel()
    clockwork.gate.set()
    assert await asyncio.gather(*asking[1:]) == [1] * 19
    assert clockwork.made == 1


async def test_age_counts_from_the_beginning_of_a_slow_computation(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)

    async def slow() -> int:
        clockwork.now += MAX_AGE
        return await clockwork.make()

    await fresh.get("k", slow)
    assert await fresh.get("k", clockwork.make) == 2


async def test_a_failure_is_told_and_not_remembered(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)

    async def fail() -> int:
        raise OSError("away")

    failing: Callable[[], Awaitable[int]] = fail
    with pytest.raises(OSError, match="away"):
        await fresh.get("k", failing)
    assert await fresh.get("k", clockwork.make) == 1


async def test_a_clock_set_back_does_not_keep_an_answer_alive(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    await fresh.get("k", clockwork.make)
    clockwork.now -= 100
    assert await fresh.get("k", clockwork.make) == 2


async def test_newer_than_what_was_told_is_made_only_where_nobody_made_it_yet(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    assert await fresh.newer("k", clockwork.make, 0.0) == (1, 1000.0)
    clockwork.now += 1
    assert await fresh.newer("k", clockwork.make, 999.0) == (1, 1000.0)
    assert await fresh.newer("k", clockwork.make, 1000.0) == (2, 1001.0)
    clockwork.now += MAX_AGE
    assert await fresh.newer("k", clockwork.make, 0.0) == (3, 1001.0 + MAX_AGE)


async def test_what_is_put_together_is_as_old_as_what_it_was_put_together_from(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)

    async def tell() -> Made:
        return Made(*await fresh.newer("counts", clockwork.make, fresh.made("told")))

    await fresh.newer("counts", clockwork.make, 0.0)
    clockwork.now += AHEAD - 0.5
    assert await fresh.get("told", tell) == 1
    assert fresh.made("told") == 1000.0
    clockwork.now += 0.5
    assert await fresh.get("told", tell) == 1, "the next is begun, and nobody waits for it"
    await asyncio.sleep(0.01)
    assert await fresh.get("told", tell) == 2
    clockwork.now += MAX_AGE
    assert await fresh.get("told", tell) == 3


async def test_memory_is_bounded(clockwork: Clockwork) -> None:
    fresh = Fresh(clockwork)
    for number in range(MOST + 5):
        await fresh.get(number, clockwork.make)
    assert await fresh.get(0, clockwork.make) == MOST + 6
    assert await fresh.get(MOST + 4, clockwork.make) == MOST + 5
