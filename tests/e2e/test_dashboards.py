"""Dashboards and rules against a real Prometheus that scrapes the pages of all five services."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cordwatch.board.metrics import BoardMetrics
from cordwatch.feeds.metrics import FeedsMetrics
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.metrics import PagerMetrics
from cordwatch.pager.transports.nowhere import NowhereTransport
from cordwatch.pager.transports.transport import Outcome
from cordwatch.pathway.facts import EPOCH
from cordwatch.runtime.metrics_server import MetricsServer
from cordwatch.synthetic.metrics import SyntheticMetrics
from cordwatch.watch.metrics import Metrics
from cordwatch_schemas.pack import load_pack
from deploy.grafana.generate import DASHBOARDS
from tests.e2e import prometheus
from tests.pager.real_alertmanager import until
from tests.unit.deploy.rules import alerts, records

RATE_INTERVAL = "30s"
"""What Grafana would put in for `$__rate_interval`."""

Happen = Callable[[], None]
"""Lets something happen that a service counts."""


def _feeds(registry: CollectorRegistry) -> Happen:
    metrics = FeedsMetrics(registry)
    told = metrics.operations
    for gauge in (told.silent, told.silence_s, told.limit_s):
        gauge.labels("ris", "ORU").set(60)
    told.quarantined.labels("ris")
    told.quarantine_limit.labels("ris").set(30)

    def happen() -> None:
        now = time.time()  # noqa: TID251 - Prometheus goes by it
        for heard in (metrics.last_message_at, metrics.fhir_last_poll_at):
            heard.set(now)
        metrics.fhir_last_notification_at.set(now)
        metrics.commit_s.observe(0.02)
        metrics.acks.labels("AA").inc()

    return happen


def _watch(registry: CollectorRegistry) -> Happen:
    metrics = Metrics(load_pack("mescc-lymphoma"), registry)

    def happen() -> None:
        metrics.last_event_at.labels("admissions").set(time.time())  # noqa: TID251 - as above
        metrics.lateness.observe(0.2)
        metrics.alerts.labels("mri.mescc-suspected", "due").inc()

    return happen


def _pager(registry: CollectorRegistry) -> Happen:
    metrics, inlets = PagerMetrics(registry), InletMetrics(registry)
    metrics.touch([NowhereTransport("nobody")])

    def happen() -> None:
        metrics.attempted("nowhere", "tell", Outcome("accepted", "accepted"))
        metrics.first_post_s.observe(0.3)
        metrics.pages.labels("coordinator", "nobody").set(1)
        metrics.deferred.labels("calm").set(1)
        inlets.answer_s.observe(0.1)

    return happen


def _board(registry: CollectorRegistry) -> Happen:
    metrics = BoardMetrics(registry)
    metrics.open_rows.labels("overdue").set(1)
    return lambda: metrics.applied_s.observe(0.01)


def _synthetic(registry: CollectorRegistry) -> Happen:
    metrics = SyntheticMetrics(registry, EPOCH)
    metrics.leads.set(1)

    def happen() -> None:
        for one in ("whole", "missed"):
            metrics.rounds.labels(one).inc()

    return happen


SERVICES = {
    "feeds": _feeds,
    "watch": _watch,
    "pager": _pager,
    "board": _board,
    "synthetic": _synthetic,
}


@pytest.mark.timeout(240)
async def test_every_query_finds_something_and_every_rule_can_be_evaluated(tmp_path: Path) -> None:
    """Of processes that are well and have something to do: an empty panel is a wrong one."""
    targets, happenings = {}, []
    with ExitStack() as stack:
        for name, register in SERVICES.items():
            registry = CollectorRegistry()
            happenings.append(register(registry))
            server = MetricsServer(registry, lambda: (True, {}), "127.0.0.1", 0)
            server.start()
            stack.callback(server.stop)
            targets[f"cordwatch-{name}"] = server.address
        async with prometheus.running(tmp_path, targets) as running:
            scraped = 'count(count_over_time(up{job=~"cordwatch-.+"}[1m]) > 1) == 5'
            await until(lambda: running.ask(scraped), 60)
            for happen in happenings:
                happen()
            await until(lambda: running.ask("rate(cordwatch_alerts_total[30s]) > 0"), 60)
            await until(lambda: running.ask("rate(cordwatch_board_apply_seconds_sum[30s]) > 0"), 60)
            await until(lambda: running.ask("rate(cordwatch_feeds_acks_total[30s]) > 0"), 60)
            await until(lambda: running.ask("rate(cordwatch_pager_attempts_total[30s]) > 0"), 60)
            down = await running.ask("up != 1")
            empty = [
                (dashboard.name, panel.title, query.expression)
                for dashboard in DASHBOARDS
                for panel in dashboard.panels
                for query in panel.queries
                if not await running.ask(_as_grafana_asks(query.expression))
            ]
            health = await running.rules()
    assert (down, empty) == ([], [])
    assert health == dict.fromkeys((*alerts(), *records()), "ok")


def _as_grafana_asks(expression: str) -> str:
    return expression.replace("$__rate_interval", RATE_INTERVAL)
