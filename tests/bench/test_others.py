"""The bench against other products: what it counts as refused, how it compares, what it says when nothing is there to compare."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.settings import normalise_url
from app.trail.canonical import commitment, leaf_hash
from bench.__main__ import SMOKE, print_others
from bench.cells import Options
from bench.load import Result, Work
from bench.others import redmine, tracker
from bench.others.compare import Comparison
from bench.others.ground import COUNTED_LIST, LIST, READ, TURN, WRITE, Product, Served, Size
from bench.others.redmine import Redmine
from bench.others.table import lines, show
from bench.others.tracker import Tracker
from bench.seed import fill
from tests.support.database import Clone

_CHAINS = """
SELECT e.seq, e.actor_id, a.person_id, i.finder_person_id, e.body::jsonb ->> 'prev' AS prev, e.hash, e.body, i.head_hash,
  i.version,
  (SELECT json_object_agg(d.field, json_build_array(encode(d.salt, 'hex'), d.value::json)) FROM event_disclosure d
   WHERE d.event_id = e.id)::jsonb AS said, e.body::jsonb -> 'pay' AS pay
FROM event e JOIN item i ON i.id = e.subject_id LEFT JOIN account a ON a.id = e.actor_id ORDER BY e.subject_id, e.seq
"""
_VERSIONS = """
SELECT count(*) FROM item_version v LEFT JOIN item_version n ON n.item_id = v.item_id AND n.version = v.version + 1
WHERE v.valid_to = coalesce(n.valid_from, 'infinity')
"""


async def test_an_item_with_several_changes_has_a_chain_of_events_and_as_many_versions(database: Clone) -> None:
    connection = await asyncpg.connect(normalise_url(database.superuser_url))
    try:
        await fill(connection, 30, assigned=5, changes=6)
        rows = await connection.fetch(_CHAINS)
        assert len(rows) == 35 * 6
        assert await connection.fetchval(_VERSIONS) == 35 * 6
        before = b""
        for row in rows:
            assert row["prev"] == (before if row["seq"] > 1 else bytes(32)).hex()
            assert row["hash"] == leaf_hash(row["body"])
            said = json.loads(row["said"] or "{}")
            assert json.loads(row["pay"]) == {
                name: commitment(name, value, bytes.fromhex(salt)) for name, (salt, value) in said.items()
            }
            assert len(said) == (2 if row["seq"] > 1 else 0)
            assert row["person_id"] == (row["finder_person_id"] if row["seq"] > 1 else None)
            before = row["hash"]
            if row["seq"] == 6:
                assert (row["head_hash"], row["version"]) == (before, 6)
    finally:
        await connection.close()


def test_a_write_that_the_history_does_not_hold_counts_as_refused(database: Clone) -> None:
    """The other product answers everything and records nothing."""
    options = Options(items=100, rounds=1, seconds=0.3)
    with _answering() as served:
        mute = _Mute(normalise_url(database.superuser_url))
        comparison = Comparison([(mute, served)], options, Size(200, 100))
        comparison._round(mute, served, 1)
    written, read = comparison.results[mute.name][WRITE][0], comparison.results[mute.name][READ][0]
    assert written.requests == written.refused > 0
    assert read.refused == 0
    assert read.rate * 2 == pytest.approx(read.requests, rel=0.5)


def test_the_better_of_the_others_is_what_counts_and_a_slow_tail_misses() -> None:
    ours = {task: [_result(100, 10), _result(120, 20), _result(110, 10)] for task in (WRITE, READ, LIST, COUNTED_LIST)}
    ours[READ] = [_result(100, 61)] * 3
    slow, fast = ({task: [_result(rate, 900)] * 3 for task in (WRITE, READ, LIST)} for rate in (1, 4))
    write, read, page, counted = lines(ours, {"slow": slow, "fast": fast})
    assert write.ratios == {"slow": 110, "fast": 27.5}
    assert (write.ratio, write.met, page.met) == (27.5, "met", "met")
    assert (read.ratio, read.met) == (25, "MISSED")
    assert (counted.ratio, counted.met) == (27.5, "")
    (write, *_) = lines(ours, {"fast": {**fast, WRITE: [_result(40, 900)] * 3}})
    assert write.met == "MISSED"


def test_the_table_names_every_product(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = {task: [_result(10, 5)] for task in (WRITE, READ, LIST, COUNTED_LIST)}
    show(list(lines(rounds, {"Redmine": rounds})))
    head, rule, *rest = capsys.readouterr().out.strip().splitlines()
    assert "÷ Redmine" in head
    assert "p99 ms, ours" in head
    assert len(rest) == 4
    assert {line.count("|") for line in (head, rule, *rest)} == {head.count("|")}


def test_all_ask_for_as_many_items_and_write_each_once(tmp_path: Path) -> None:
    size = Size(1000, 300)
    for product in (Redmine("", tmp_path, size, 7), Tracker("", tmp_path, size, 7)):
        reading, writing = product.work(READ, 1, range(0)), product.work(WRITE, 1, range(701, 801))
        assert reading is not None
        assert writing is not None
        assert len(set(reading.paths)) == TURN * (2 if product.pairs else 1)
        assert len(set(writing.paths)) == 100
        assert writing.method == "PUT"
        assert all(number <= 700 for number in size.read(7))


def test_without_anything_to_compare_with_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redmine, "INSTALLED", tmp_path)
    monkeypatch.setattr(tracker, "NEEDED", (tmp_path / "absent",))
    with pytest.raises(SystemExit) as ended:
        print_others(SMOKE)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    for word in ("缺少软件包", "Packages are missing", "apt-get install", redmine.PACKAGES, tracker.PACKAGES):
        assert word in said


def _result(rate: float, p99: float) -> Result:
    return Result(int(rate), rate, p99 / 2, p99, 0)


class _Mute(Product):
    name, moved, pairs = "mute", "SELECT 0", True

    def __init__(self, url: str) -> None:
        self.url = url

    def work(self, kind: str, port: int, share: range) -> Work | None:
        paths = [f"/{number}" for number in share]
        return Work(port, paths, body="{}" if kind == WRITE else None, method="PUT")

    def prepare(self) -> None:
        raise NotImplementedError

    def serving(self) -> Any:
        raise NotImplementedError

    def entries(self, kind: str, answers: Sequence[Any]) -> int:
        raise NotImplementedError


class _Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_GET  # noqa: N815 - the name the base class looks for

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@contextmanager
def _answering() -> Iterator[Served]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Yes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Served(server.server_address[1], psutil.Process())
        server.shutdown()
