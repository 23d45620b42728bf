"""The bench runs from end to end on tiny sizes; what it seeds is consistent, what it prints is complete."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from app.audit.beside import ORIGINS
from app.settings import normalise_url
from app.trail.canonical import leaf_hash
from bench import verify
from bench.__main__ import SMOKE, SMOKE_PACE, print_table, run, run_figures, run_sealing, show
from bench.load import _read_wrk
from bench.replay import Scene, Statement, scripted
from bench.sealing import Event, Told, _off
from bench.seed import fill
from tests.support.database import Clone

_NOBODY = """
SELECT count(*) FROM item i WHERE NOT EXISTS (SELECT FROM event e WHERE e.subject_id = i.id AND e.seq = i.version)
   OR NOT EXISTS (SELECT FROM unit u WHERE u.id = i.finder_unit_id)
   OR NOT EXISTS (SELECT FROM ledger_policy p WHERE p.ledger_id = i.ledger_id)
   OR NOT EXISTS (SELECT FROM source_type s WHERE s.code = i.source_type AND s.schema_version = i.source_schema_version)
   OR NOT EXISTS (SELECT FROM item_search s WHERE s.item_id = i.id)
   OR NOT EXISTS (SELECT FROM item_unit iu WHERE iu.item_id = i.id)
   OR i.responsible_person_id IS NOT NULL AND NOT EXISTS
     (SELECT FROM item_person p WHERE p.item_id = i.id AND p.person_id = i.responsible_person_id)
"""

# Making a foreign key anew checks every row that was copied while it was off.
_CHECK_ALL_KEYS = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT conrelid::regclass AS at, conname AS name, pg_get_constraintdef(oid) AS says
           FROM pg_constraint WHERE contype = 'f' LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', c.at, c.name, c.name, c.says);
  END LOOP;
END $$
"""


async def test_a_seeded_ledger_is_one_the_service_could_have_written(database: Clone) -> None:
    connection = await asyncpg.connect(normalise_url(database.superuser_url))
    try:
        world = await fill(connection, 300, assigned=20)
        assert (world.count, world.assigned) == (300, 20)
        assert await connection.fetchval("SELECT count(*) FROM item") == 320
        assert await connection.fetchval(_NOBODY) == 0
        assert await connection.fetch(ORIGINS) == []
        assert await connection.fetchval("SELECT count(DISTINCT state) FROM item") >= 12
        for row in await connection.fetch(
            "SELECT body, hash, head_hash FROM event JOIN item ON item.id = subject_id LIMIT 50"
        ):
            assert leaf_hash(row["body"]) == row["hash"] == row["head_hash"]
        positions = await connection.fetchrow("SELECT max(position) AS last, count(*) AS n FROM log_position")
        assert positions is not None
        assert positions["last"] == positions["n"] == await connection.fetchval("SELECT next - 1 FROM log_state")
        await connection.execute(_CHECK_ALL_KEYS)
    finally:
        await connection.close()


_LED_OTHERWISE = """
SELECT count(*) AS versions, count(*) FILTER (WHERE v.lead_unit_id IS NULL) AS nobody, count(*) FILTER (WHERE ARRAY(
  SELECT s.unit_id FROM item_unit_span s WHERE s.item_id = v.item_id AND s.part = 'lead'
    AND s.valid_from <= v.valid_from AND s.valid_to > v.valid_from) <> array_remove(ARRAY[v.lead_unit_id], NULL)) AS off
FROM item_version v
"""


async def test_units_lead_seeded_lives_from_the_version_on_that_names_them(database: Clone) -> None:
    connection = await asyncpg.connect(normalise_url(database.superuser_url))
    try:
        await fill(connection, 200, lived=True)
        found = await connection.fetchrow(_LED_OTHERWISE)
    finally:
        await connection.close()
    assert found is not None
    assert found["off"] == 0
    assert 0 < found["nobody"] < found["versions"]


def test_the_same_seed_makes_the_same_script() -> None:
    item = "01900000-0007-7000-8000-000000000004"
    scene = Scene(UUID(item), "k", datetime(2026, 1, 1, tzinfo=UTC))
    statements = [
        Statement("SELECT i.* FROM item i WHERE i.id = $1 FOR UPDATE OF i", [UUID(item)], ["uuid"]),
        Statement(
            "UPDATE item SET a = 'x:y' FROM jsonb_to_recordset($1::jsonb)", [[{"id": item, "version": 3}]], ["jsonb"]
        ),
        Statement("SELECT $1", [datetime(2026, 1, 1, tzinfo=UTC)], ["timestamptz"]),
        Statement("COMMIT;", [], []),
    ]
    script = scripted(statements, scene, range(1, 5), history=True).splitlines()
    assert script[0] == "\\set n random(1, 4)"
    assert script[1].endswith("\\gset l_")
    assert item not in script[2]
    assert "%1$s" in script[2]
    assert "'x:y'" not in script[2]
    assert script[3:5] == ["SELECT (SELECT clock_timestamp());", "COMMIT;"]


def test_without_its_past_an_item_is_moved_by_the_update_alone() -> None:
    moved = Statement(
        "WITH moved AS (UPDATE item SET a = 1 RETURNING item.*), ended AS (UPDATE item_version) INSERT", [], []
    )
    scene = Scene(UUID("01900000-0007-7000-8000-000000000004"), "k", datetime(2026, 1, 1, tzinfo=UTC))
    script = scripted([moved], scene, range(1, 5), history=False, past=False).splitlines()
    assert script[1] == "UPDATE item SET a = 1 RETURNING item.*;"


def test_every_cell_of_the_bench_runs(capsys: pytest.CaptureFixture[str]) -> None:
    show(run(SMOKE), SMOKE)
    table = capsys.readouterr().out
    for figure in (
        "item, one unit ÷ static",
        "page of 50, whole tree ÷ static",
        "transition ÷ pgbench",
        "history and versions",
    ):
        assert figure in table


def test_every_figure_of_the_bench_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    show(run_figures(SMOKE), SMOKE)
    table = capsys.readouterr().out
    for figure in (
        "dashboard, one unit, watched",
        "statistics by unit, as_of at 50%",
        "statistics, now",
        "statistics by unit_subtree, as_of at 90%",
        "trend of 24 months, whole tree, later",
    ):
        assert figure in table


def test_a_history_is_made_and_verified_by_the_bench(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(verify.rows(2000, 1, 7))
    table = capsys.readouterr().out
    for figure in ("sha256 + json.loads", "verify usual, s per 10^6 events", "verify strict, peak MB"):
        assert figure in table


def test_the_lag_of_the_sealer_is_measured_and_told_alike(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row.name: row for row in run_sealing(SMOKE, SMOKE_PACE)}
    print_table(list(rows.values()))
    table = capsys.readouterr().out
    assert rows["events written a second"].refused == 0
    assert 0 < rows["seal lag from commit to signed checkpoint, p50 (s)"].measured < 60, table
    assert "lag told by /metrics, furthest from what it was (s)" in table


def test_a_lag_that_is_told_wrongly_is_seen() -> None:
    events = [Event(at=10.0, committed=10.1, sealed=12.0), Event(at=11.0, committed=11.1, sealed=12.0)]
    assert _off(Told(11.5, 11.6, 1.55), events) == 0
    assert _off(Told(11.9, 12.1, 0.0), events) == 0
    assert _off(Told(11.5, 11.6, 0.5), events) == pytest.approx(1.0)
    assert _off(Told(12.5, 12.6, 2.5), events) == pytest.approx(2.5)
    assert _off(Told(9.0, 9.5, 0.0), events) == 0


@pytest.mark.parametrize(("told", "milliseconds"), [("1.50ms", 1.5), ("250.00us", 0.25), ("1.20s", 1200.0)])
def test_latencies_are_read_in_any_unit(told: str, milliseconds: float) -> None:
    said = f"     50%  {told}\n     99%  {told}\n  100 requests in 1.0s, 1MB read\nRequests/sec:  100.5\n"
    result = _read_wrk(said)
    assert (result.requests, result.rate, result.refused) == (100, 100.5, 0)
    assert result.p50 == result.p99 == pytest.approx(milliseconds)
