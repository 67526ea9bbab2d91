"""Every series that the services serve, with the shipped packs, as a scrape has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import cast, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cordwatch.board.metrics import BoardMetrics
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.metrics import PagerMetrics
from cordwatch.pager.transports.settings import Destination
from cordwatch.pager.transports.transport import Transport
from cordwatch.pathway.facts import EPOCH
from cordwatch.runtime.process_metrics import tell_of_process
from cordwatch.synthetic.metrics import SyntheticMetrics
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.pack import load_pack, shipped_packs
from cordwatch_schemas.synthetic_pack import WithSynthetic

Fill = Callable[[CollectorRegistry], object]
"""Registers what a service tells, beside what every process does."""


@dataclass(frozen=True, slots=True)
class OfKind:
    """As much of a destination as its series need."""

    kind: str


KINDS = [
    OfKind(get_args(one.model_fields["kind"].annotation)[0])
    for one in get_args(get_args(Destination)[0])
]
"""One destination of every kind that a plan may have."""


def _pager(registry: CollectorRegistry) -> None:
    metrics = PagerMetrics(registry)
    metrics.touch(cast("list[Transport]", KINDS))
    InletMetrics(registry)


def _watch(pack: str, registry: CollectorRegistry) -> None:
    Metrics(WithSynthetic(load_pack(pack)), registry)


SERVICES: dict[str, Fill] = {
    "board": BoardMetrics,
    "feeds": FeedsMetrics,
    "pager": _pager,
    "synthetic": lambda registry: SyntheticMetrics(registry, EPOCH),
    **{f"watch under {name}": partial(_watch, name) for name in shipped_packs()},
}


def page(service: str) -> bytes:
    """Return what a scrape of *service* finds after its start."""
    registry = CollectorRegistry()
    SERVICES[service](registry)
    tell_of_process(registry, lambda: (True, {}))
    return generate_latest(registry)


@cache
def series() -> frozenset[str]:
    """Return the names of all series, and what Prometheus itself adds."""
    return frozenset({"up", *_names(SERVICES)})


def _names(services: Iterable[str]) -> Iterable[str]:
    for service in services:
        for family in text_string_to_metric_families(page(service).decode()):
            yield from (f"{family.name}{ending}" for ending in _ENDINGS.get(family.type, ("",)))


_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
