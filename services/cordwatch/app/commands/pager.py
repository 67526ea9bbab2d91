"""`cordwatch pager`: run the pager, and ask it what it would do."""

from __future__ import annotations

import sys
from typing import Any

import click

from cordwatch.app.commands.options import demo_of, demo_options, pack_option
from cordwatch.app.commands.pager_asking import preview_, who
from cordwatch.app.commands.pager_checking import check, test_
from cordwatch.app.commands.pager_pages import pages
from cordwatch.app.commands.settings_options import settings_of, settings_options
from cordwatch.pager.asked import rules_of
from cordwatch.pager.gaps import deaf
from cordwatch.pager.inlets.metrics import InletMetrics
from cordwatch.pager.inlets.side import Inside, People
from cordwatch.pager.plan import load_plan
from cordwatch.pager.service import Pager
from cordwatch.pager.service import run as run_service
from cordwatch.pager.settings import PagerSettings
from cordwatch.pager.transports.build import transports_of
from cordwatch.runtime.certificates_in_use import of_kafka, of_listener
from cordwatch.runtime.starting import leaving_is_fine
from cordwatch_schemas.pack_choice import load_packs


@click.group()
def pager() -> None:
    """
    Tell who must know, by a plan of the hospital's own (docs/pager-plan.md).

    \b
    Example:  cordwatch pager check --plan our-plan.yaml
              cordwatch pager who --plan our-plan.yaml steroid.start:prompt@HAEM-4
              cordwatch pager test --plan our-plan.yaml haem-nurse
              cordwatch pager run --plan our-plan.yaml
    """


@pager.command(short_help="Run the pager.")
@settings_options(PagerSettings)
@pack_option
@demo_options
@click.pass_context
def run(ctx: click.Context, /, pack: str, **options: Any) -> None:
    """
    Run the pager: it reads alerts and answers, and holds on until it is done or a person takes over.

    Several may run with one --group: one leads, the others stand by and take over
    when it dies. Answers come back by --port (PagerDuty's webhooks on /pagerduty,
    Standard Webhooks on /webhook) and by --silences; docs/pager-answers.md says
    how they are connected, and how a frozen pager is noticed from outside.

    \b
    Example:  cordwatch pager run --plan our-plan.yaml
              cordwatch pager run --plan our-plan.yaml --port 8470 \\
                --pagerduty-secret-file secrets/pagerduty-webhook \\
                --silences http://alertmanager-0:9093 \\
                --heartbeat-alertmanagers http://alertmanager-0:9093
    Exit codes: 0 told to stop; 2 wrong use, a secret is missing, or what a production refuses; 3 topics are missing;
    4 no broker answers; 5 a bad plan or pack; 70 an error of ours, the address of the
    inlets is taken, or another pager leads now (a supervisor starts it again).
    """
    leaving_is_fine()
    kafka, clock = demo_of(ctx, options)
    settings = settings_of(PagerSettings, options)
    plan = load_plan(settings.plan, rules_of(load_packs(pack)))
    kafka.environment.require_listeners(deaf(plan))
    transports = transports_of(plan)
    people = People.of(settings, kafka, clock)

    def made() -> Pager:
        return Pager(
            plan,
            transports,
            kafka,
            clock,
            name=settings.name,
            group=settings.group,
            session_timeout_s=settings.session_timeout_s,
            metrics_at=(settings.metrics_host, settings.metrics_port),
            certificates=[of_kafka(kafka.security), of_listener(settings)],
        )

    def beside(running: Pager) -> Any:
        inside = Inside(
            find=running.find,
            is_well=lambda: running.health()[0],
            leads=lambda: running.machine is not None,
        )
        return people.run(inside, InletMetrics(running.registry))

    sys.exit(run_service(made, kafka, beside, group=settings.group))


for one in (check, pages, preview_, test_, who):
    pager.add_command(one)
