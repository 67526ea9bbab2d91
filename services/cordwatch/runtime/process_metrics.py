"""What every process tells Prometheus of itself, whichever service it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)

from cordwatch.runtime.certificates_in_use import Certificates, tell_of_certificates
from cordwatch.runtime.environment import RISKS

Health = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Returns whether the service makes progress, and what it is doing."""

# When a counter was made says nothing that the start of the process does not, and doubles the series.
disable_created_metrics()  # type: ignore[no-untyped-call]


def tell_of_process(
    registry: CollectorRegistry,
    health: Health,
    accepted: Collection[str] = (),
    certificates: Iterable[Certificates] = (),
    *,
    is_open: bool = False,
) -> None:
    """Register health, *accepted* risks and *certificates* as series, and memory, processor time, files and start as the client library has them."""
    ProcessCollector(registry=registry)
    Gauge(
        "cordwatch_healthy",
        "1 while the process makes progress, as `/healthz` has it: that it answers is not enough",
        registry=registry,
    ).set_function(lambda: float(health()[0]))
    Gauge(
        "cordwatch_build_info", "1, for the version of this process", ["version"], registry=registry
    ).labels(version("cordwatch")).set(1)
    risks = Gauge(
        "cordwatch_accepted_risk",
        "1 for what a production would refuse, and somebody accepted by name (`--accepted-risks`)",
        ["risk"],
        registry=registry,
    )
    Gauge(
        "cordwatch_plaintext_metrics",
        "1 while a production serves these series beyond its machine in the clear, accepted or not",
        registry=registry,
    ).set(is_open)
    tell_of_certificates(registry, certificates)
    for risk in RISKS:
        risks.labels(risk).set(risk in accepted)
