"""`cordwatch replay --from-raw`: what was received, read anew by the present profiles."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from cordwatch.app.commands.options import kafka_of, pack_option
from cordwatch.app.commands.packs import json_lines, text_lines
from cordwatch.app.commands.progress import with_progress
from cordwatch.app.commands.simulate import instant
from cordwatch.app.commands.source_options import source_of
from cordwatch.app.rereading.reading import Selection
from cordwatch.app.rereading.running import Found, find, publish
from cordwatch.feeds.key_in_use import in_use
from cordwatch.pathway.difference import Difference, differences
from cordwatch.runtime.kafka import require_topics
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.pack_choice import load_packs
from cordwatch_schemas.topics import REFERENCES, SOURCE_RETENTION_S

F = TypeVar("F", bound=Callable[..., Any])

_SOURCE = ("zone", "charset", "key_file", "profile", "patient_system")
_SHOWN = {"sender": "source", "dry_run": "dry-run"}

LINES_MAX = 200
"""Of each part of the text; `--json` has all of them."""

SILENT = (
    "{0} clocks run now with nobody paged, since their messages were told again: see them with"
    " `cordwatch alerts`, or say --live to let them page"
)


def raw_options(command: F) -> F:
    """Add the options of a replay of the raw topic, which a replay of files has no use for."""
    for option in (
        click.option("--from-raw", is_flag=True, help="Read the raw topic anew, instead of FILES."),
        click.option("--since", metavar="ISO", help="Received at this instant or later."),
        click.option("--until", metavar="ISO", help="Received before it.  [default: now]"),
        click.option("--source", "sender", metavar="'APP|FAC'", help="Of this sender alone."),
        click.option("--patient", metavar="REF", help="About this patient reference alone."),
        click.option(
            "--applications",
            envvar="CORDWATCH_FEEDS_APPLICATIONS",
            default="",
            help="Sending applications (MSH-3) that the gateway listens to, with commas; default: all.",
        ),
        click.option(
            "--live",
            is_flag=True,
            help="Let clocks run that are still open: their alerts are paged. Else what is new is"
            " marked, as with --as-recorded, and pages nobody.",
        ),
        click.option("--dry-run", is_flag=True, help="Say what would differ; publish nothing."),
        pack_option,
    ):
        command = option(command)
    return command


def of_files(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """
    Return the options that say how files are read.

    Raises:
        click.UsageError: one that only a replay of the raw topic knows was given.
    """
    given = click.core.ParameterSource.COMMANDLINE
    for name in options:
        if name not in _SOURCE and ctx.get_parameter_source(name) is given:
            raise click.UsageError(f"--{_SHOWN.get(name, name)} goes with --from-raw")
    return {name: options[name] for name in _SOURCE}


def replay_raw(ctx: click.Context, options: dict[str, Any], *, as_json: bool) -> int:
    """Do what `replay --from-raw` says; return the exit code."""
    now = WallClock().now()
    selection = _selection(options, now)
    kafka, packs = kafka_of(ctx), load_packs(options["pack"])
    sources = source_of(**{name: options[name] for name in _SOURCE})
    require_topics(kafka, (REFERENCES,))
    marks = not options["dry_run"]
    sources = sources.by(in_use(kafka, sources.references, now, marks=marks, by_hand=True))
    found = find(kafka, sources, selection, packs, now, live=options["live"], watched=with_progress)
    try:
        unread = found.rereading.outcomes["quarantined"] + found.rereading.faults.total()
        if options["dry_run"]:
            changed = differences(found.outlook.before, found.outlook.after)
            lines = _json_lines if as_json else _text_lines
            for line in lines(found, changed):
                click.echo(line)
            _warn(found)
            return 1 if changed or any(True for _ in found.plan.counts()) else 0
        with click.progressbar(
            length=len(found.plan), label="publish", file=click.get_text_stream("stderr")
        ) as bar:
            publish(kafka, found, bar.update)
        summary = _summary(found)
        words = ", ".join(f"{count} {name}" for name, count in summary.items())
        click.echo(json.dumps(summary) if as_json else words)
        _warn(found)
        return 1 if unread else 0
    finally:
        found.plan.close()


def _selection(options: dict[str, Any], now: datetime) -> Selection:
    since, until = instant(options["since"], "--since"), instant(options["until"], "--until")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must come before --until")
    oldest = now - timedelta(seconds=SOURCE_RETENTION_S)
    if since is None:
        since = oldest
    elif since < oldest:
        click.echo(
            f"events are kept until {oldest:%Y-%m-%d %H:%M} UTC: what was said of messages from"
            " before that cannot be seen, counts as missing, and comes again under the same ids",
            err=True,
        )
    applications = frozenset(one.strip() for one in options["applications"].split(",")) - {""}
    return Selection(
        since, min(until or now, now), options["sender"], options["patient"], applications
    )


def _summary(found: Found) -> dict[str, int]:
    changes = Counter[str]()
    for count in found.plan.counts():
        changes[count.change] += count.events
    rereading = found.rereading
    return {
        "messages": rereading.outcomes.total(),
        **{name: rereading.outcomes[name] for name in ("mapped", "irrelevant", "quarantined")},
        "not_whole": rereading.outcomes["no whole message"],
        "not_readable": rereading.outcomes["unreadable record"],
        **{name: changes[name] for name in ("new", "changed", "woken", "gone")},
        "kept": rereading.kept,
        "faults": rereading.faults.total(),
        "silent_clocks": found.outlook.silent_clocks,
    }


def _warn(found: Found) -> None:
    if found.outlook.silent_clocks:
        click.echo(SILENT.format(found.outlook.silent_clocks), err=True)
    if found.rereading.kept:
        click.echo(
            f"{found.rereading.kept} events stand although their messages do not give them any"
            " more: the new reading has faults, which may be why",
            err=True,
        )


def _json_lines(found: Found, changed: list[Difference]) -> Iterator[str]:
    for count in found.plan.counts():
        yield json.dumps(
            {
                "what": "event",
                "change": count.change,
                "source": count.source,
                "kind": count.kind,
                "patient": count.patient,
                "events": count.events,
            }
        )
    yield from json_lines(changed)
    for (source, field, reason), times in sorted(found.rereading.faults.items()):
        fault = {"source": source, "field": field, "reason": reason, "times": times}
        yield json.dumps({"what": "fault", **fault})
    yield json.dumps({"what": "summary", **_summary(found)})


def _text_lines(found: Found, changed: list[Difference]) -> Iterator[str]:
    yield ", ".join(f"{count} {name}" for name, count in _summary(found).items())
    yield from _limited(
        f"{one.change:<8} {one.events:>6}  {one.source}  {one.kind}  {one.patient}"
        for one in found.plan.counts()
    )
    yield from _limited(text_lines(changed))
    yield from _limited(
        f"not understood {times} times: {source}  {field} {reason}"
        for (source, field, reason), times in sorted(found.rereading.faults.items())
    )


def _limited(lines: Iterable[str]) -> Iterator[str]:
    more = 0
    for number, line in enumerate(lines):
        if number < LINES_MAX:
            yield line
        else:
            more += 1
    if more:
        yield f"and {more} more lines: --json has them"
