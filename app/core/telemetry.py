"""What an operator watches: how many requests, how slow, and the gauges other modules offer."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """The figures of one application; labels are bounded, so a scanner cannot fill the memory with them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        labels = ("method", "route", "status")
        self._requests = Counter(
            "rectify_http_requests", "requests answered, by route template", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "rectify_http_request_seconds",
            "time until the answer was complete",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # Looking labels up costs more than counting; a hot route finds its pair here.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Counts one answer; `route` is the template (/v1/items/{item_id}), None when no route matched."""
        key = (method if method in METHODS else "other", route or "unmatched", status // 100)
        pair = self._known.get(key)
        if pair is None:
            counter = self._requests.labels(key[0], key[1], f"{key[2]}xx")
            pair = self._known[key] = (counter, self._seconds.labels(key[0], key[1]))
        pair[0].inc()
        pair[1].observe(seconds)

    def watch(self, name: str, why: str, read: Callable[[], float]) -> None:
        """Offers a gauge that is read at each scrape; `name` follows `rectify_`."""
        Gauge(f"rectify_{name}", why, registry=self._registry).set_function(read)

    def render(self) -> tuple[bytes, str]:
        """The Prometheus text and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
