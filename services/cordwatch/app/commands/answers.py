"""`cordwatch ack`, `stand-down`, `classify`: a named person's answer, for the acks topic."""

from __future__ import annotations

from hashlib import sha256

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.runtime.kafka import KafkaSettings, Publisher, read_topic, require_topics
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Acknowledged, Answer, Classified, StoodDown
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.topics import ACKS, ALERTS

_BY = click.option("--by", required=True, help="Your name or staff id.")


def _find(kafka: KafkaSettings, alert_id: str) -> tuple[Alert, str] | None:
    """Return the latest word on an alert, and the reference under which its owner keeps it."""
    found: tuple[Alert, str] | None = None
    for record in read_topic(kafka, ALERTS.name, follow=False):
        if record is None or alert_id.encode() not in (record[1] or b""):
            continue
        alert = Alert.model_validate_json(record[1] or b"")
        if alert.alert_id == alert_id and (found is None or alert.revision >= found[0].revision):
            found = (alert, (record[0] or b"").decode())
    return found


def _publish(kafka: KafkaSettings, answer: Answer) -> None:
    require_topics(kafka, [ACKS])
    publisher = Publisher(kafka)
    try:
        publisher.send(ACKS.name, answer.patient.encode(), answer.model_dump_json().encode())
        publisher.confirm()
    finally:
        publisher.close()


def _id(*parts: str) -> str:
    return sha256("|".join(parts).encode()).hexdigest()[:32]


@click.command()
@click.argument("alert")
@_BY
@click.option("--reason", help="Why it may wait.")
@click.pass_context
def ack(ctx: click.Context, alert: str, by: str, reason: str | None) -> None:
    """
    Say that ALERT (its id) has been seen. Quietens pages for a time; stops no clock.

    \b
    Example:  cordwatch ack 5f0c... --by "n.jansen"
    Exit codes: 0; 1 no such alert; 3 topics are missing; 4 no broker answers.
    """
    kafka, now = kafka_of(ctx), WallClock().now()
    found = _find(kafka, alert)
    if found is None:
        click.echo("cordwatch: no such alert", err=True)
        ctx.exit(1)
    answer = Acknowledged(
        event_id=_id(alert, by, now.isoformat()),
        patient=found[1],
        by=by,
        occurred_at=now,
        received_at=now,
        channel="command-line",
        alert_id=alert,
        reason=reason,
    )
    _publish(kafka, answer)
    click.echo(f"seen: {found[0].rule} {found[0].level or ''}".rstrip())


@click.command("stand-down")
@click.argument("alert")
@_BY
@click.option("--reason", required=True, help="Why the clock will not be met as written.")
@click.pass_context
def stand_down(ctx: click.Context, alert: str, by: str, reason: str) -> None:
    """
    Close the clocks of ALERT's rule that are open now, under your name.

    \b
    Example:  cordwatch stand-down 5f0c... --by "dr. de vries" --reason "palliative care agreed"
    Exit codes: 0; 1 no such alert; 3 topics are missing; 4 no broker answers.
    """
    kafka, now = kafka_of(ctx), WallClock().now()
    found = _find(kafka, alert)
    if found is None:
        click.echo("cordwatch: no such alert", err=True)
        ctx.exit(1)
    answer = StoodDown(
        event_id=_id(alert, by, reason),
        patient=found[1],
        by=by,
        occurred_at=now,
        received_at=now,
        channel="command-line",
        alert_id=alert,
        encounter=found[0].encounter,
        rule=found[0].rule,
        reason=reason,
    )
    _publish(kafka, answer)
    click.echo(f"stood down: {found[0].rule}")


@click.command()
@click.argument("report")
@click.argument("finding", type=click.Choice(["positive", "negative"]))
@_BY
@click.option("--patient", required=True, help="Patient reference, as the alert shows it.")
@click.pass_context
def classify(ctx: click.Context, report: str, finding: str, by: str, patient: str) -> None:
    """
    Say what REPORT (its order or accession number) shows.

    \b
    Example:  cordwatch classify ACC-1123 positive --by "dr. smit" --patient p_7qk2...
    Exit codes: 0; 3 topics are missing; 4 no broker answers.
    """
    kafka, now = kafka_of(ctx), WallClock().now()
    answer = Classified(
        event_id=_id(report, finding, by, now.isoformat()),
        patient=patient,
        by=by,
        occurred_at=now,
        received_at=now,
        channel="command-line",
        report_number=report,
        finding="positive" if finding == "positive" else "negative",
    )
    _publish(kafka, answer)
    click.echo(f"classified: {finding}")
