"""Metrics for Prometheus, the same from every replica because Redis holds the sums."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis import Redis

from jobs.records import lanes
from jobs.records.metrics import COUNTERS, HISTOGRAMS, HistogramInfo, read
from jobs.records.workers import live
from server.door.auth import require_admin
from server.openapi import Routes, content
from server.resources import resources

TEXT = "text/plain"
OPENMETRICS = "application/openmetrics-text"

routes = Routes("metrics", "Figures for Prometheus.")


class Figures(Collector):
    """What the workers measured, as Prometheus reads it."""

    def __init__(self, redis: Redis) -> None:
        self._sums = read(redis)
        self._waiting = sum(lanes.waiting(redis, lanes.lanes(redis)).values())
        self._workers = live(redis)

    def collect(self) -> Iterator[Metric]:
        """Every metric, those without a value yet included."""
        for name, info in HISTOGRAMS.items():
            yield _histogram(name, info, self._sums.get(name, {}))
        for name, (description, label) in COUNTERS.items():
            counter = CounterMetricFamily(f"darkroom_{name}", description, labels=[label])
            for value, sums in self._sums.get(name, {}).items():
                counter.add_metric([value], sums.get("total", 0))
            yield counter
        running = sum(worker.running for worker in self._workers)
        yield GaugeMetricFamily("darkroom_queue_length", "Jobs that wait.", self._waiting)
        yield GaugeMetricFamily("darkroom_workers", "Workers that are alive.", len(self._workers))
        yield GaugeMetricFamily("darkroom_running", "What live workers have under way.", running)


@routes.get("/metrics", {200: content("The figures.", TEXT, OPENMETRICS)}, (403, 503))
def metrics() -> Response:
    """Figures for Prometheus

    For admins, and for whatever runs on the machine itself.
    """
    require_admin()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(resources().redis))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


def _histogram(
    name: str, info: HistogramInfo, by_label: dict[str, dict[str, float]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"darkroom_{name}", info.help, labels=[info.label])
    for value, sums in by_label.items():
        buckets: list[tuple[str, float]] = []
        total = 0.0
        for number, bound in enumerate([*(str(float(bound)) for bound in info.buckets), "+Inf"]):
            total += sums.get(str(number), 0)
            buckets.append((bound, total))
        family.add_metric([value], buckets, sums.get("sum", 0))
    return family
