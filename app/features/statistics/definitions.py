"""The definitions of metrics as an answer."""

from __future__ import annotations

from functools import cache

from app.features.statistics import schemas
from app.features.statistics.schemas import label
from app.metrics.definitions import METRICS, Part, definitions_hash
from app.metrics.drill import set_name


@cache
def metrics_in_force() -> schemas.Metrics:
    return schemas.Metrics(
        definitions_hash=definitions_hash(METRICS),
        items=[
            schemas.MetricOut(
                code=metric.code,
                version=metric.version,
                label=label(metric.label),
                formula=label(metric.formula),
                grain=metric.grain,
                basis=metric.basis,
                value_unit=metric.value_unit,
                sets={part.value: set_name(metric, part) for part in Part if metric.counting(part) is not None},
            )
            for metric in METRICS
        ],
    )
