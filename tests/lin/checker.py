"""Whether what clients saw can be explained by one order of what happened, in which nothing takes effect out of time.

The history itself gives the order of each item: versions are dense, every event names the key that asked for it. So no
search is needed: each rule costs a sort. Across items the orders are put together as a graph; a circle in it is a story
that no order can tell (Adya's G0, G1c, G-single and G2-item, with time as one more reason to come before).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.history import Event, History
from tests.support.journal import FOREVER, Journal, Op

FROM = {
    "item.assigned": {"registered"}, "item.recalled": {"assigned", "planning", "plan_review"}, "item.submitted": {"draft"},
    "item.registered": {"submitted"}, "item.merged": {"submitted", "registered", "assigned", "planning"},
    "item.split": {"registered", "assigned", "planning"},
}  # fmt: skip
"""Where each step may begin: a guard that looked at an older row lets one begin elsewhere."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one operation says about one item: it made this version, or found it current."""

    op: Op
    version: int
    made: bool


def violations(history: History, journal: Journal) -> list[str]:
    points = _points(history, journal)
    found = [
        *legal(history),
        *unique(journal),
        *compared_and_swapped(history, journal),
        *(fault for item, seen in points.items() for fault in in_time(history, item, seen)),
    ]
    return found + circles(points)


def _points(history: History, journal: Journal) -> dict[str, list[Point]]:
    """By item. What an operation wrote is taken from the history, so that also the unknown ones have their place."""
    found: dict[str, list[Point]] = defaultdict(list)
    for op in journal.ops:
        if op.writes:
            for event in history.by_key.get(op.key, ()):
                found[event.subject].append(Point(op, event.seq, made=True))
            if op.outcome == "refused" and op.current is not None:
                found[op.items[0]].append(Point(op, op.current, made=False))
        elif op.outcome == "ok":
            for told in op.told:
                found[told.item].append(Point(op, told.version, made=False))
    return found


def legal(history: History) -> Iterator[str]:
    for event in history.of_the_run:
        if event.type in FROM and event.said["from"] not in FROM[event.type]:
            yield f"{event.type} {event.seq} of {event.subject} began in {event.said['from']}"


def unique(journal: Journal) -> Iterator[str]:
    """No two callers may be told that they made the same version."""
    makers: dict[tuple[str, int], str] = {}
    for op in journal.writes("ok"):
        for told in op.told:
            other = makers.setdefault((told.item, told.version), op.key)
            if other != op.key:
                yield f"{op.key} and {other} were both told to have made version {told.version} of {told.item}"


def compared_and_swapped(history: History, journal: Journal) -> Iterator[str]:
    """Whoever named a version made the next one; whoever was refused for it was told another."""
    for op in journal.ops:
        if op.outcome == "ok" and op.writes:
            wanted = {op.items[0]: op.if_match} if isinstance(op.if_match, int) else {}
            if op.kind == "batch":
                wanted = {one["id"]: one["version"] for one in json.loads(op.body)["items"]}
            for event in history.by_key.get(op.key, ()):
                if event.subject in wanted and event.seq != wanted[event.subject] + 1:
                    yield f"{op.key} {op.kind} was for version {wanted[event.subject]} and made {event.seq}"
        elif op.code == "version_mismatch" and op.current is not None and op.current == op.if_match:
            yield f"{op.key} was refused version {op.if_match}, which it was told is current"


def in_time(history: History, item: str, points: list[Point]) -> Iterator[str]:
    """Whatever had been answered before somebody asked was seen by them; nobody saw what had not been asked for yet."""
    events = history.by_subject.get(item, [])
    ends = sorted(points, key=lambda point: point.op.returned)
    latest, place = 0, 0
    for point in sorted(points, key=lambda one: one.op.invoked):
        while place < len(ends) and ends[place].op.returned < point.op.invoked:
            latest = max(latest, ends[place].version)
            place += 1
        if point.version < latest + point.made:
            verb = "made" if point.made else "saw"
            yield f"{point.op.key} {point.op.kind} {verb} version {point.version} of {item} after {latest} had been answered"
        if not point.made:
            yield from _seen(events, item, point)


def _seen(events: list[Event], item: str, point: Point) -> Iterator[str]:
    if point.version > len(events):
        yield f"{point.op.key} saw version {point.version} of {item}, which there is not"
        return
    state = events[point.version - 1].said["to"]
    for told in point.op.told:
        if told.item == item and told.state is not None and told.state != state:
            yield f"{point.op.key} saw {item} {told.state} in version {told.version}, which was {state}"


# --- across items -------------------------------------------------------------------------------------------------


def circles(points: dict[str, list[Point]]) -> list[str]:
    """Groups of operations of which each came before the others."""
    graph: dict[str, set[str]] = defaultdict(set)
    ops: dict[str, Op] = {}
    for seen in points.values():
        makers = {point.version: point.op.key for point in seen if point.made}
        for point in seen:
            ops[point.op.key] = point.op
            before = makers.get(point.version - 1 if point.made else point.version)
            after = makers.get(point.version + 1)
            if before is not None:
                graph[before].add(point.op.key)
            if after is not None:
                graph[point.op.key].add(after)
    _add_time(graph, list(ops.values()))
    found = []
    for group in components(graph):
        told = [f"{ops[key].kind} {key}" for key in sorted(group) if key in ops]
        if len(told) > 1:
            found.append(f"no order explains {', '.join(told[:8])}")
    return found


def _add_time(graph: dict[str, set[str]], ops: list[Op]) -> None:
    """Time as a chain of moments between the operations: one edge each instead of one for every pair."""
    moments = sorted({op.returned for op in ops if op.returned != FOREVER})
    for place in range(len(moments) - 1):
        graph[f"@{place}"].add(f"@{place + 1}")
    for op in ops:
        if op.returned != FOREVER:
            graph[op.key].add(f"@{bisect_left(moments, op.returned)}")
        before = bisect_left(moments, op.invoked) - 1
        if before >= 0:
            graph[f"@{before}"].add(op.key)


def components(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Strongly connected groups of more than one (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in list(graph):
        if root in index:
            continue
        work = [(root, iter(graph.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, following = work[-1]
            child = next((one for one in following if one not in index or one in on_stack), None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = set(stack[stack.index(node) :]) if stack[-1] != node else {node}
                    del stack[-len(group) :]
                    on_stack -= group
                    if len(group) > 1:
                        yield group
            elif child in index:
                low[node] = min(low[node], index[child])
            else:
                index[child] = low[child] = len(index)
                stack.append(child)
                on_stack.add(child)
                work.append((child, iter(graph.get(child, ()))))
