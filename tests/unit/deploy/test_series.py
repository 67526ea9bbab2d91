"""What a process serves: few series, closed labels, names as Prometheus wants them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.pager.metrics import PagerMetrics
from tests.prometheus_tools import promtool
from tests.unit.deploy.catalogue import SERVICES, page

SERIES_MAX = 300
FEEDS, RECIPIENTS = 20, 20
"""A hospital with more senders and types, and more people to tell, than we have seen."""


def _count(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


def _count_more(more: CollectorRegistry, fewer: CollectorRegistry) -> int:
    return _count(generate_latest(more)) - _count(generate_latest(fewer))


def _hospital(service: str) -> int:
    """Return how many series come with the hospital's own senders and people."""
    empty, full = CollectorRegistry(), CollectorRegistry()
    if service == "feeds":
        FeedsMetrics(empty)
        told = FeedsMetrics(full).operations
        for number in range(FEEDS):
            for gauge in (told.silent, told.silence_s, told.limit_s):
                gauge.labels(f"sender-{number}", "ADT")
            told.quarantined.labels(f"sender-{number}")
            told.quarantine_limit.labels(f"sender-{number}")
    elif service == "pager":
        PagerMetrics(empty)
        pages = PagerMetrics(full).pages
        for number in range(RECIPIENTS):
            pages.labels("coordinator", f"destination-{number}")
    return _count_more(full, empty)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_process_has_at_most_three_hundred_series(service: str) -> None:
    """A label with an open set of values would fill the disk of whoever watches us."""
    assert _count(page(service)) + _hospital(service) <= SERIES_MAX


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_promtool_has_nothing_to_say(service: str) -> None:
    """Units, endings, help: as everywhere else."""
    fine, said = promtool("check", "metrics", told=page(service))
    assert (fine, said) == (True, "")
