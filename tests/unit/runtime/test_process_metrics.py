"""Health is a series: a process that hangs still answers a scrape."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

from cordwatch.runtime.process_metrics import tell_of_process


def test_health_is_told_as_it_is_when_it_is_asked_for() -> None:
    """Not as it was when the process began."""
    registry, well = CollectorRegistry(), [True]
    tell_of_process(registry, lambda: (well[0], {}))
    assert registry.get_sample_value("cordwatch_healthy") == 1
    well[0] = False
    assert registry.get_sample_value("cordwatch_healthy") == 0


def test_no_series_tells_when_a_counter_was_made() -> None:
    """It would double their number and tell nothing new."""
    registry = CollectorRegistry()
    Counter("cordwatch_things", "Things", ["kind"], registry=registry).labels("one")
    assert b"_created" not in generate_latest(registry)
