"""Figures over items with long lives: the board while it is being watched, and any metric at any moment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, product
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from app.features.statistics.fresh import MAX_AGE
from app.metrics.definitions import METRICS
from bench import load
from bench.cells import Row
from bench.seed import World

PAUSE: Final = 0.04
FORGOTTEN: Final = MAX_AGE + 0.1
MOMENTS: Final = (0.1, 0.5, 0.9)
"""Where in the two years of lives the past is asked for."""
PERIOD: Final = {"period_from": "2026-01-01", "period_to": "2026-12-31"}


@dataclass
class Figures:
    """One service on a database of lives."""

    world: World
    url: str
    var: Path
    watched: int
    port: int = 0

    def rows(self) -> list[Row]:
        environment = {**os.environ, "DATABASE_URL": self.url, "RECTIFY_VAR": str(self.var)}
        with load.serving("product", environment) as (self.port, _):
            found = []
            for row in chain(self._boards(), self._statistics(), self._again()):
                found.append(row)
                print(f"{row.name}: {row.measured:.2f}", file=sys.stderr, flush=True)  # it takes a quarter of an hour
            return found

    def _boards(self) -> Iterator[Row]:
        for sees in self.world.organisation.callers:
            first = self._timed(sees, "/v1/dashboard")[0]
            yield Row(f"dashboard, {sees}, first answer (s)", "", first)
            took, oldest = [], 0.0
            for _ in range(self.watched):
                seconds, body = self._timed(sees, "/v1/dashboard")
                took.append(1000 * seconds)
                age = datetime.now(UTC) - datetime.fromisoformat(body["as_of"])
                oldest = max(oldest, age.total_seconds())
                time.sleep(PAUSE)
            p95 = sorted(took)[int(0.95 * len(took))]
            yield Row(f"dashboard, {sees}, watched: p95 (ms)", "≤ 50", p95, p95 <= 50)  # noqa: PLR2004 - the goal
            yield Row(f"dashboard, {sees}, oldest figure (s)", "≤ 5", oldest, oldest <= 5)  # noqa: PLR2004 - the goal

    def _statistics(self) -> Iterator[Row]:
        """The slowest metric, named; every question is a new one, so nothing is remembered."""
        started = datetime.now(UTC) - timedelta(days=730)
        moments = [None, *(started + timedelta(days=730 * share) for share in MOMENTS)]
        for group_by in ("", "unit", "source_type,category", "unit_subtree", "accountable_leader"):
            for place, moment in enumerate(moments):
                slowest, name = max(self._asked(group_by, moment))
                when = "now" if moment is None else f"as_of at {MOMENTS[place - 1]:.0%}"
                by = f" by {group_by}" if group_by else ""
                goal = "" if moment is None else "≤ 2"
                met = None if moment is None else slowest <= 2  # noqa: PLR2004 - the goal
                yield Row(f"statistics{by}, {when}, slowest: {name} (s)", goal, slowest, met)

    def _asked(self, group_by: str, moment: datetime | None) -> Iterator[tuple[float, str]]:
        for metric in METRICS:
            asked = {"metric": metric.code, **PERIOD} | ({"group_by": group_by} if group_by else {})
            if moment is not None:
                asked["as_of"] = moment.isoformat().replace("+00:00", "Z")
            yield self._timed("whole tree", f"/v1/statistics?{urlencode(asked)}")[0], metric.code

    def _again(self) -> Iterator[Row]:
        """What is dear the first time and remembered afterwards."""
        moment = (datetime.now(UTC) - timedelta(days=73)).isoformat().replace("+00:00", "Z")
        paths = {
            "dashboard, as_of at 90%": f"/v1/dashboard?as_of={moment}",
            "trend of 24 months": "/v1/statistics/trend?metric=closure_rate&months=24",
        }
        for when in ("first answer", "later"):
            for name, sees in product(paths, self.world.organisation.callers):
                yield Row(f"{name}, {sees}, {when} (s)", "", self._timed(sees, paths[name])[0])
            time.sleep(FORGOTTEN)

    def _timed(self, sees: str, path: str) -> tuple[float, Any]:
        token = self.world.organisation.callers[sees].authorization(self.var)
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": token})
        begun = time.perf_counter()
        with urlopen(request, timeout=300) as answer:  # noqa: S310 - our own server on loopback
            told = answer.read()
        return time.perf_counter() - begun, json.loads(told)
