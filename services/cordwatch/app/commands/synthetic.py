"""`cordwatch synthetic`: run the synthetic patient."""

from __future__ import annotations

import sys
from typing import Any

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.settings_options import settings_of, settings_options
from cordwatch.runtime.starting import leaving_is_fine
from cordwatch.synthetic.service import run
from cordwatch.synthetic.settings import SyntheticSettings


@click.command()
@settings_options(SyntheticSettings)
@click.pass_context
def synthetic(ctx: click.Context, /, **options: Any) -> None:
    """
    Tell of synthetic patients through the real topics, and see that they come out at every end.

    Each minute one for every worker of watch: its alert, the pager's page to nobody, the
    boards that have it, and its end must be there in time. Who looks at boards, pages and
    reports never sees one. What three misses in a row do, and how the outside learns that
    the chain stands still, is in docs/synthetic.md.

    \b
    Example:  cordwatch synthetic --boards http://127.0.0.1:9467 \\
                --others http://127.0.0.1:9465 --heartbeat-url https://ping.example/cordwatch
    Exit codes: 0 told to stop; 2 wrong use; 3 topics are missing; 4 no broker answers;
    70 an error of ours, or another one tells now (a supervisor starts it again).
    """
    leaving_is_fine()
    sys.exit(run(settings_of(SyntheticSettings, options), kafka_of(ctx)))
