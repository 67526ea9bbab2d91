"""`cordwatch pack`: check and show pathway packs."""

from __future__ import annotations

from datetime import timedelta

import click

from cordwatch_schemas.pack import load_pack, shipped_packs


@click.group()
def pack() -> None:
    """
    Check and show pathway packs.

    \b
    Example:  cordwatch pack check our-pack.yaml
              cordwatch pack show mescc-lymphoma
    """


@pack.command()
@click.argument("name_or_file")
def check(name_or_file: str) -> None:
    """Say every fault as file:line:column. Exit codes: 0 good; 2 no such file; 5 faults."""
    loaded = load_pack(name_or_file)
    click.echo(f"{loaded.label}: {len(loaded.rules)} deadline rules, no fault")


def span(value: timedelta) -> str:
    """Return a span as people write it: 14 d, 12 h, 15 min."""
    seconds = int(value.total_seconds())
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        # 24 h is what the pathway calls it, not 1 d.
        if seconds % size == 0 and (name != "d" or seconds > 2 * size):
            return f"{seconds // size} {name}"
    return f"{seconds} s"


@pack.command()
@click.argument("name_or_file", default="mescc-lymphoma")
def show(name_or_file: str) -> None:
    """Print the rules with windows, levels and clauses. Exit codes: 0; 2; 5."""
    loaded = load_pack(name_or_file)
    click.echo(f"{loaded.title} ({loaded.label})\n{loaded.purpose}\n")
    for rule in loaded.rules:
        click.echo(f"{rule.id}: {rule.starts_at} -> {rule.satisfied_by} within {span(rule.window)}")
        levels = ", ".join(f"{one.level} at {span(rule.window * one.at)}" for one in rule.levels)
        repeats = f"every {span(rule.repeats.every)} for {span(rule.repeats.lasting)}"
        click.echo(f"    {levels}, then {repeats}")
        click.echo(f"    {rule.clause} ({rule.basis})")
    for title, items in (("Notices", loaded.notices), ("Advisories", loaded.advisories)):
        click.echo(f"\n{title}")
        for item in items:
            off = "" if item.enabled else " (off)"
            click.echo(f"  {item.id}{off}: {item.text} [{item.severity}]")
    click.echo(f"\nShipped: {', '.join(shipped_packs())}")
