"""`cordwatch report`: what was done in time, and what the alerts cost, from files or from the topics."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from cordwatch.app.commands.options import kafka_of, pack_option
from cordwatch.app.commands.simulate import instant, read_files
from cordwatch.app.commands.source_options import source_of, source_options
from cordwatch.app.kept import facts_of
from cordwatch.feeds.gateway import Told
from cordwatch.feeds.source import Sources
from cordwatch.pathway.simulation import alerts_of, simulate_ward
from cordwatch.report.outcome import OutcomeReport, Period, outcome_report
from cordwatch.report.reading import SEEN, Known, known
from cordwatch.runtime.kafka import KafkaSettings, read_topic
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Acknowledged, StoodDown
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.events import BadEvent, read_answer
from cordwatch_schemas.pack import Packs
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.topics import ACKS, ALERTS, DAY_S, FACTS

_WIDTH, _WIDTH_MIN = 176, 120
"""Of tables that go into a file or a pipe, and at the least."""


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--live", is_flag=True, help="From the topics facts, alerts and acks, as of now.")
@click.option("--from", "since", help="Clocks from this instant on (ISO 8601; else in --zone).")
@click.option("--to", "before", help="Clocks before this instant, without it.")
@click.option("--until", help="What was known at this instant; default: the last message.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "html", "json"]),
    default="table",
    show_default=True,
)
@click.option("--small-cells", is_flag=True, help="Show cells under 5 in csv and html too.")
@pack_option
@source_options
@click.pass_context
def report(ctx: click.Context, /, files: tuple[Path, ...], **options: Any) -> None:
    """
    Say what was done in time, how late the rest was, and what the alerts cost.

    From FILES as simulate reads them, or with --live from what watch has kept.
    Times, weekdays and hours are those of --zone, or of the first --profile. No patient appears in any
    format; cells under 5 of a ward, weekday or hour are hidden in csv and html.

    \b
    Example:  cordwatch report march.hl7 --zone Europe/Amsterdam
              cordwatch report --live --from 2026-03-01 --to 2026-04-01 --format html > march.html
              cordwatch report march.hl7 --format json | jq '.sections["in-time-by-all"]'
    Exit codes: 0 done; 2 wrong use; 3 topics are missing; 4 no broker answers; 5 a bad pack.
    """
    if options["live"] == bool(files):
        raise click.UsageError("name FILES, or give --live, not both")
    if options["live"] and options["until"]:
        raise click.UsageError("--until goes with FILES: --live is as of now")
    names = ("zone", "charset", "key_file", "profile", "patient_system")
    source = source_of(**{name: options[name] for name in names})
    since = instant(options["since"], "--from", source.zone)
    before = instant(options["before"], "--to", source.zone)
    if since is not None and before is not None and before <= since:
        raise click.BadParameter("must be later than --from", param_hint="--to")
    packs = load_packs(options["pack"])
    if options["live"]:
        found, notes = known_from_topics(kafka_of(ctx), packs)
        name = "the topics facts, alerts and acks"
    else:
        found, notes = _from_files(files, source, packs, instant(options["until"])), ()
        name = "files"
    figures = outcome_report(found, Period(since, before), source.zone, packs.label, name, notes)
    click.echo(_rendered(figures, options["form"], small_cells=options["small_cells"]), nl=False)


def _rendered(figures: OutcomeReport, form: str, *, small_cells: bool) -> str:
    if form == "html":
        from cordwatch.report.page import render_html  # noqa: PLC0415 - templates and plots

        return render_html(figures, small_cells=small_cells) + "\n"
    from cordwatch.report import render  # noqa: PLC0415 - keeps the two imports side by side

    if form == "csv":
        return render.render_csv(figures, small_cells=small_cells)
    if form == "json":
        return render.render_json(figures) + "\n"
    width = max(shutil.get_terminal_size().columns, _WIDTH_MIN) if sys.stdout.isatty() else _WIDTH
    return render.render_table(figures, width)


def _from_files(
    files: tuple[Path, ...], source: Sources, packs: Packs, until: datetime | None
) -> Known:
    told, tally = read_files(files, source)
    tally.tell()
    return known_from(told, packs, until)


def known_from(told: list[Told], packs: Packs, until: datetime | None) -> Known:
    """
    Return what is known from *told* at *until*, or else at the last message.

    Not later: of the time after it nothing is known, and a clock that the file
    does not see satisfied must not be called late for that.
    """
    at = until or max((one.received_at for one in told), default=None)
    if at is None:
        return known({}, (), (), packs, WallClock().now())
    ward = simulate_ward(told, packs, at)
    facts = {reference: list(mine.values()) for reference, mine in ward.facts.items()}
    answers = [one for one in told if isinstance(one, SEEN) and one.received_at <= at]
    return known(facts, alerts_of(ward), answers, packs, at)


# --- live


def known_from_topics(kafka: KafkaSettings, packs: Packs) -> tuple[Known, tuple[str, ...]]:
    """Return what the topics hold, and what the reader must know about that."""
    facts, unread = facts_of(one for one in read_topic(kafka, FACTS.name, follow=False) if one)
    alerts: dict[str, Alert] = {}
    answers: list[Acknowledged | StoodDown] = []
    for one in read_topic(kafka, ALERTS.name, follow=False):
        alert = _alert(one[1]) if one else None
        if alert is None:
            unread += one is not None
        elif alert.alert_id not in alerts or alert.revision >= alerts[alert.alert_id].revision:
            alerts[alert.alert_id] = alert
    for one in read_topic(kafka, ACKS.name, follow=False):
        if one is not None:
            try:
                answer = read_answer(one[1] or b"")
            except BadEvent:
                unread += 1
                continue
            if isinstance(answer, SEEN):
                answers.append(answer)
    return known(facts, alerts.values(), answers, packs, WallClock().now()), _notes(packs, unread)


def _alert(value: bytes | None) -> Alert | None:
    try:
        return Alert.model_validate_json(value or b"")
    except ValidationError:
        return None


def _notes(packs: Packs, unread: int) -> tuple[str, ...]:
    keep_facts = max(pack.policy.keep_facts for pack in packs.each)
    alerts_d, facts_d = ALERTS.retention_s // DAY_S, keep_facts // timedelta(days=1)
    kept = (
        f"Live: alerts and answers older than {alerts_d} days are no longer on their topics; clocks "
        f"are dropped from {facts_d} days after a patient's last one closed, unless a diagnosis is "
        "recorded. Older periods are incomplete: report them from FILES."
    )
    return (kept, f"{unread} records could not be read and are not counted.") if unread else (kept,)
