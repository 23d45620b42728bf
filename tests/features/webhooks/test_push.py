"""What happens here arrives there: signed, in order for each item, until it is taken."""

from __future__ import annotations

from tests.features.webhooks.pushing import Pushing

STEPS = ["item.drafted", "item.submitted", "item.registered", "item.assigned", "item.acknowledged"]


async def test_a_new_endpoint_is_greeted_and_then_told_what_happens(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    [ping] = pushing.one.got
    assert ping.type == "webhook.ping"
    item = await pushing.world.acknowledged()
    await pushing.push()
    assert pushing.one.types(item) == STEPS
    assert all(got.signed_with(made["secret"]) for got in pushing.one.got)
