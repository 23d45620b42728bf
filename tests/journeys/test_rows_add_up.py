"""An item's row is the sum of what its events say, also where a step says again what was said before."""

from app.demo.client import Json
from tests.journeys.stage import made, problem
from tests.make.world import World
from tests.support.database import Clone
from tests.support.history import History, folds


async def test_assigning_again_with_the_same_deadline_tells_the_deadline_as_it_is_kept(
    world: World, journeys_database: Clone
) -> None:
    item, office = await made(world, "assigned"), await world.as_("supervision_office")
    given: Json = world.carrier.assignment(problem(world))
    for _ in range(2):
        await office.act(item["id"], "recall", {"reason": "主体有误"})
        item = await office.act(item["id"], "assign", given)
    history = await History.read(journeys_database.superuser_url)
    history.items = {item["id"]: history.items[item["id"]]}
    assert list(folds(history)) == []
