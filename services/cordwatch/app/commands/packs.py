"""`cordwatch pack`: check, show and compare pathway packs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import click

from cordwatch.app.commands.faults import faults_told, tell_fault
from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.source_options import source_of, source_options
from cordwatch.pathway.difference import (
    Difference,
    Standing,
    alerts_once_on,
    counted,
    differences,
    standing,
)
from cordwatch.pathway.worked import Miss, check_examples, not_shown
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch_schemas.pack import Pack, Packs, placed_pack, shipped_packs
from cordwatch_schemas.pack_choice import load_packs, pack_sources

EXIT_FINDING = 1


@click.group()
def pack() -> None:
    """
    Check, show and compare pathway packs.

    \b
    Example:  cordwatch pack check our-pack.yaml
              cordwatch pack show nice-ng234
              cordwatch pack diff mescc-lymphoma our-pack.yaml --on march.hl7
    """


@pack.command()
@click.argument("name_or_file")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each fault and pack.")
@click.pass_context
def check(ctx: click.Context, /, name_or_file: str, *, as_json: bool) -> None:
    """
    Say every fault as file:line:column, and run the worked examples.

    NAME_OR_FILE is a pack, or a file that says which pack where; then every
    pack that it names is checked.

    \b
    Example:  cordwatch pack check our-pack.yaml
              cordwatch pack check our-pack.yaml --json | jq .reason
    Exit codes: 0 good; 1 a worked example gives something else; 2 no such file; 5 faults.
    """
    with faults_told(as_json=as_json):
        load_packs(name_or_file)
    failed = False
    for source in pack_sources(name_or_file):
        read = placed_pack(source)
        misses = check_examples(read.value)
        for miss in misses:
            fault = read.fault(miss.path, _reason(miss))
            tell_fault(read.filename, fault, as_json=as_json)
        failed = failed or bool(misses)
        _tell_checked(read.value, len({miss.example for miss in misses}), as_json=as_json)
    if failed:
        ctx.exit(EXIT_FINDING)


def _reason(miss: Miss) -> str:
    more = f", and {miss.more} more repeats" if miss.more else ""
    return f"(example {miss.example}) expected {miss.expected}; came {miss.came}{more}"


def _tell_checked(found: Pack, wrong: int, *, as_json: bool) -> None:
    """Say what a pack holds, and how many of its worked examples come out."""
    total, unseen = len(found.examples), not_shown(found)
    counts = {
        "deadline rules": len(found.rules),
        "notices": len(found.notices),
        "advisories": len(found.advisories),
    }
    if as_json:
        said = {name.replace(" ", "_"): count for name, count in counts.items()}
        examples = {"examples": total, "examples_wrong": wrong, "shown_by_none": list(unseen)}
        click.echo(json.dumps({"pack": found.label, **said, **examples}))
        return
    held = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"{found.label}: {held}; {total - wrong} of {total} worked examples come out")
    if unseen:
        click.echo(f"  shown by no example: {', '.join(unseen)}")


@pack.command()
@click.argument("name_or_file", default="mescc-lymphoma")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
)
def show(name_or_file: str, form: str) -> None:
    """
    Print the rules with clauses, sources, levels, figures and worked examples.

    \b
    Example:  cordwatch pack show nice-ng234 | less
              cordwatch pack show our-pack.yaml --format html > our-pack.html
    Exit codes: 0 done; 2 no such file; 5 faults.
    """
    from cordwatch.app.pack_page import pack_page  # noqa: PLC0415 - for this command only

    found = placed_pack(name_or_file).value
    if form == "json":
        click.echo(found.model_dump_json())
        return
    page = pack_page(found)
    if form == "markdown":
        click.echo(page, nl=False)
    elif form == "html":
        from cordwatch.app.pack_html import html_page  # noqa: PLC0415

        click.echo(html_page(page), nl=False)
    else:
        from rich.console import Console  # noqa: PLC0415 - heavy
        from rich.markdown import Markdown  # noqa: PLC0415

        Console(width=None if sys.stdout.isatty() else 120).print(Markdown(page))
        click.echo(f"Shipped: {', '.join(shipped_packs())}")


@pack.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--on",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Messages, as simulate reads them; may be given again.",
)
@click.option("--live", is_flag=True, help="What watch has kept on the broker, as of now.")
@click.option("--until", help="With --on: compare at this instant; default: last message + 48 h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@source_options
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    old: str,
    new: str,
    files: tuple[Path, ...],
    until: str | None,
    *,
    live: bool,
    as_json: bool,
    **source: str,
) -> None:
    """
    Say what NEW would change, before it is switched on: which clocks and alerts appear, disappear, fall due otherwise.

    OLD and NEW are packs, or files that say which pack where. With --on, what
    the messages would have given under each; with --live, what would be told
    if NEW took over from OLD now. Nothing is written or published.

    \b
    Example:  cordwatch pack diff mescc-lymphoma our-pack.yaml --on march.hl7
              cordwatch --kafka broker:9092 pack diff our-1.yaml our-2.yaml --live --json
    Exit codes: 0 no difference; 1 differences; 2 wrong use; 3 topics are missing;
    4 no broker answers; 5 a bad pack.
    """
    if live == bool(files):
        raise click.UsageError("name files with --on, or give --live, not both")
    if live and until:
        raise click.UsageError("--until goes with --on: --live is as of now")
    before, after = load_packs(old), load_packs(new)
    if live:
        sides = live_standings(kafka_of(ctx), (before, after))
    else:
        sides = _file_standings(files, (before, after), until, source)
    found = differences(*sides)
    for line in json_lines(found) if as_json else _as_text(found, before, after):
        click.echo(line)
    if found:
        ctx.exit(EXIT_FINDING)


def _file_standings(
    files: tuple[Path, ...], packs: tuple[Packs, Packs], until: str | None, source: dict[str, str]
) -> tuple[Standing, Standing]:
    from cordwatch.app.commands.simulate import instant, read_files  # noqa: PLC0415
    from cordwatch.pathway.simulation import AFTER_LAST, alerts_of, simulate_ward  # noqa: PLC0415

    told, tally = read_files(files, source_of(**source))  # type: ignore[arg-type]
    tally.tell()
    last = max((one.received_at for one in told), default=None)
    if last is None:
        return Standing({}, {}), Standing({}, {})
    at = instant(until) or last + AFTER_LAST

    def under(one: Packs) -> Standing:
        ward = simulate_ward(told, one, at)
        facts = {reference: list(mine.values()) for reference, mine in ward.facts.items()}
        return standing(facts, alerts_of(ward), one, at)

    return under(packs[0]), under(packs[1])


def live_standings(
    kafka: KafkaSettings, packs: tuple[Packs, Packs], now: datetime | None = None
) -> tuple[Standing, Standing]:
    """Return how the patients that watch has kept stand under each of *packs*, as of *now*."""
    from cordwatch.app.kept import kept_of  # noqa: PLC0415 - with all of watch behind it
    from cordwatch.runtime.kafka import read_topic  # noqa: PLC0415
    from cordwatch.runtime.wall_clock import WallClock  # noqa: PLC0415
    from cordwatch_schemas.topics import FACTS  # noqa: PLC0415

    records = (one for one in read_topic(kafka, FACTS.name, follow=False) if one)
    facts, published, unread = kept_of(records)
    at = now or WallClock().now()
    click.echo(f"{len(facts)} references; {unread} records could not be read", err=True)

    def under(one: Packs) -> Standing:
        return standing(facts, alerts_once_on(facts, published, one, at), one, at)

    return under(packs[0]), under(packs[1])


def json_lines(found: Iterable[Difference]) -> Iterator[str]:
    """Return each difference as a JSON object."""
    for one in found:
        thing = one.thing
        yield json.dumps(
            {
                "change": one.change,
                "what": thing.what,
                "id": one.id,
                "patient": thing.patient,
                "rule": thing.rule,
                "level": thing.level,
                "repeat": thing.repeat,
                "old": None if one.old is None else {**one.old.fields, "pack": one.old.pack},
                "new": None if one.new is None else {**one.new.fields, "pack": one.new.pack},
            }
        )


def _as_text(found: list[Difference], old: Packs, new: Packs) -> Iterator[str]:
    yield f"from {old.label}"
    yield f"to   {new.label}"
    if not found:
        yield "no difference"
        return
    for (what, change), count in counted(found).items():
        yield f"{count} {what}s: {change}"
    yield ""
    yield from text_lines(found)


def text_lines(found: Iterable[Difference]) -> Iterator[str]:
    """Return a line for each difference, one for all repeats of a clock."""
    runs: dict[tuple[object, ...], list[Difference]] = {}
    for one in found:
        thing = one.thing
        # A hundred repeats of one clock are one thing to a reader.
        mine = thing.level if thing.repeat else one.id
        runs.setdefault((one.change, thing.patient, thing.rule, mine), []).append(one)
    for first, *more in runs.values():
        yield _line(first) + (f", and {len(more)} more repeats" if more else "")


def _line(one: Difference) -> str:
    thing = one.thing
    level = f" {thing.level}" if thing.level else ""
    repeat = f" {thing.repeat}" if thing.repeat else ""
    if one.moved:
        said = ", ".join(f"{name} {a} -> {b}" for name, (a, b) in one.moved.items())
    else:
        names = ("start", "raised", "due", "status", "severity")
        said = ", ".join(f"{name} {thing.fields[name]}" for name in names if name in thing.fields)
    return f"{one.change:<10} {thing.what} {thing.patient[:12]} {thing.rule}{level}{repeat}: {said}"
