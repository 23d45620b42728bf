"""Whole ledgers as offices keep them, carried from their rows to closed; the same with one of our own invention."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.demo.client import Json
from tests.make.ledger_carrier import ADDED, IMPORTED, LedgerCarrier
from tests.make.ledger_rows import LedgerRow, coal, construction, day_of, environment, on_the_spot, sheets
from tests.make.refusals import refusal
from tests.make.sample_ledger import SAMPLE_DEADLINES, write_sample_ledger
from tests.make.world import World

SHARED = Path(__file__).resolve().parents[2].parent / "shared/data/real-ledgers"
PHRASES = SHARED.with_name("deadline-phrases.tsv")
ENVIRONMENT_DEADLINES = {
    "2": date(2024, 12, 31), "3": date(2024, 12, 31), "4": date(2024, 9, 30), "5": date(2025, 12, 31),
    "6": date(2025, 12, 31), "7": date(2023, 9, 30), "8": date(2024, 12, 31), "9": date(2025, 9, 30),
    "10": date(2025, 9, 30), "16": date(2020, 12, 31),
}  # fmt: skip


def sheet(file: str, place: int) -> list[list[str]]:
    return [rows for _, rows in sheets(SHARED / file)][place]


LEDGERS: dict[str, tuple[int, int, Callable[[], list[LedgerRow]]]] = {
    "environment": (16, 27, lambda: environment(sheet("environment-rectification.xlsx", 0))),
    "construction": (105, 105, lambda: construction(sheet("construction-hazards.xlsx", 0))),
    "construction-2025": (30, 29, lambda: construction(sheet("construction-hazards.xlsx", 1))),
    "coal-mine": (31, 31, lambda: coal(sheet("coal-mine-hazards.xlsx", 0))),
    "coal-mine-on-the-spot": (33, 33, lambda: on_the_spot(SHARED / "coal-mine-onsite-gb18030.csv")),
}


async def closed_ledger(world: World, rows: list[LedgerRow], measures: int) -> list[Json]:
    """Everything true of any ledger that was carried through."""
    carrier = LedgerCarrier(world, rows)
    await carrier.carry()
    items = carrier.items
    assert {item["state"] for item in items} == {"closed"}
    assert [int(item["number"][-4:]) for item in items] == list(range(1, len(rows) + 1))
    names = {unit: name for name, unit in carrier.units.items()}
    for row, item in zip(rows, items, strict=True):
        assert set(item["gates"].values()) == {"passed"}
        assert item["description"].split() == row.text.split()
        assert names[item["lead_unit_id"]] == row.unit or not row.unit
        assert [names[unit] for unit in item["cooperating_unit_ids"]] == list(row.helpers)
        if row.deadline:
            assert item["deadline"]["text"].split() == row.deadline.split()
        if row.due_on is not None:
            assert item["due_on"] == item["deadline"]["original_date"] == row.due_on.isoformat()
    kinds = await world.db.fetch(
        "SELECT m.kind, count(*) AS n FROM measure m JOIN item i ON i.id = m.item_id WHERE i.ledger_id = $1 GROUP BY 1",
        world.made.ledgers[carrier.ledger],
    )
    counted = {row["kind"]: row["n"] for row in kinds}
    assert counted[IMPORTED] == measures == sum(len(row.measures) for row in rows)
    assert counted.get(ADDED, 0) == sum(not row.measures for row in rows)
    unsettled = await world.db.fetchval(
        "SELECT count(*) FROM item i WHERE i.ledger_id = $1 AND i.version <>"
        " (SELECT count(*) FROM event e WHERE e.subject_id = i.id)",
        world.made.ledgers[carrier.ledger],
    )
    assert unsettled == 0, "every version of an item is one event"
    return items


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real ledgers are not distributed with the project")
@pytest.mark.parametrize("name", LEDGERS)
async def test_a_real_ledger_is_registered_row_by_row_and_carried_to_closed(world: World, name: str) -> None:
    expected, measures, read = LEDGERS[name]
    rows = read()
    assert len(rows) == expected
    items = await closed_ledger(world, rows, measures)
    if name == "environment":
        due = {row.serial: row.due_on for row in rows if row.due_on is not None}
        assert due == ENVIRONMENT_DEADLINES
        assert (items[0]["deadline"]["kind"], items[0]["deadline"]["continuing"]) == ("immediate", True)
        assert items[0]["next_look_back_on"] is not None


@pytest.mark.skipif(not PHRASES.is_file(), reason="the collected wordings are not distributed with the project")
def test_the_days_read_here_are_those_people_read_in_the_same_wordings() -> None:
    with PHRASES.open(encoding="utf-8", newline="") as lines:
        told = [row for row in csv.DictReader(lines, delimiter="\t") if row["kind"] == "date" and not row["start"]]
    read = {row["phrase"]: day for row in told if (day := day_of(row["phrase"])) is not None}
    assert len(read) > 30
    assert {phrase: day.isoformat() for phrase, day in read.items()} == {
        row["phrase"]: row["date"] for row in told if row["phrase"] in read
    }


async def test_our_own_sample_ledger_takes_the_same_way(world: World, tmp_path: Path) -> None:
    path = tmp_path / "sample_ledger.xlsx"
    write_sample_ledger(path)
    rows = environment(next(rows for _, rows in sheets(path)))
    assert (len(rows), sum(len(row.measures) for row in rows)) == (8, 13)
    assert {row.serial: row.due_on for row in rows} == SAMPLE_DEADLINES
    items = await closed_ledger(world, rows, 13)
    assert [item["next_look_back_on"] is not None for item in items] == [True, False, False, True] + [False] * 4


async def test_a_row_without_measures_or_deadline_waits_until_somebody_supplies_them(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "sample_ledger.xlsx"
    write_sample_ledger(path)
    bare = [row for row in environment(next(rows for _, rows in sheets(path))) if not row.measures and not row.deadline]
    carrier = LedgerCarrier(world, bare)
    await carrier.prepare()
    await carrier.register()
    office, item = await world.as_("supervision_office"), carrier.items[0]
    data = carrier.assignment(bare[0]) | {"deadline": {"text": "未明确", "kind": "unspecified"}}
    told = await refusal(office.act(item["id"], "assign", data))
    assert told.rules == ["deadline.unspecified"]
    await carrier.batch("supervision_office", "assign", carrier.assignment)
    head = await world.as_("unit_head_service")
    await head.act(item["id"], "acknowledge")
    told = await refusal(head.act(item["id"], "submit_plan", {"root_cause": "管理不到位"}))
    assert told.rules == ["plan.no_measure", "plan.no_criterion"]
