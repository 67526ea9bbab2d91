"""The command line: `cordwatch COMMAND`. Commands are imported only when they are called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from cordwatch.app.kafka_options import kafka_security_options
from cordwatch.runtime.starting import leave_when_told

EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_TOPICS = 3
EXIT_BROKER = 4
EXIT_PACK = 5
EXIT_KEY = 6
EXIT_BROKEN = 70

_COMMANDS: dict[str, tuple[str, str]] = {
    "ack": ("answers:ack", "Say that an alert has been seen; stops no clock."),
    "alerts": ("alerts:alerts", "Show alerts, live with --follow."),
    "audit": ("audit:audit", "Verify who looked at the board and who answered."),
    "board": ("board:board", "Run the board: every clock at a glance, live."),
    "classify": ("answers:classify", "Say what a report shows: positive or negative."),
    "config": ("effective:config", "Show what a service would run with, and who said so."),
    "demo": ("demo_command:demo", "A day on the wards, on an embedded broker."),
    "doctor": ("doctor_command:doctor", "What is wrong with an installation, and what mends it."),
    "explain": ("simulate:explain", "Why alerts fired for one patient, and why others did not."),
    "feeds": ("feeds:feeds", "Run the gateway: HL7 v2 over MLLP into Kafka."),
    "operations": ("operations:operations", "What is wrong with the feeds: silence, quarantine."),
    "pack": ("packs:pack", "Check, show and compare pathway packs."),
    "pager": ("pager:pager", "Tell who must know; ask who would be told, try it out."),
    "profile": ("profiles:profile", "Check, show and try source profiles."),
    "quarantine": ("quarantine:quarantine", "What could not be understood, and why."),
    "references": ("references:references", "Exchange the key that references are made with."),
    "replay": ("replay:replay", "Publish messages from files, the way of the gateway."),
    "report": ("report:report", "What was done in time, and what the alerts cost."),
    "secrets": ("secret_files:secrets", "Make the keys of a deployment, refuse placeholders."),
    "simulate": ("simulate:simulate", "What would have alerted, when and why; no broker."),
    "stand-down": ("answers:stand_down", "Take responsibility for a clock, with a reason."),
    "state": ("state:state", "Take all that is known to another cluster."),
    "synthetic": ("synthetic:synthetic", "Run the synthetic patient: is the whole chain alive?"),
    "topics": ("topics:topics", "Plan, apply or verify the Kafka topics."),
    "watch": ("watch:watch", "Run a watch worker."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and one line, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command *cmd_name*."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(
            importlib.import_module(f"cordwatch.app.commands.{module}"), name
        )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands from their one line, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cordwatch")
@click.option(
    "--kafka",
    envvar="CORDWATCH_KAFKA",
    default="127.0.0.1:9092",
    show_default=True,
    help="Bootstrap addresses of Kafka, with commas. [CORDWATCH_KAFKA]",
)
@kafka_security_options
@click.option(
    "--broker-timeout",
    envvar="CORDWATCH_BROKER_TIMEOUT",
    default=20.0,
    show_default=True,
    help="Seconds to go on trying to reach a broker.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    envvar="CORDWATCH_LOG_LEVEL",
    default="info",
    show_default=True,
)
@click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    envvar="CORDWATCH_LOG_FORMAT",
    default="console",
    show_default=True,
)
@click.pass_context
def cordwatch(ctx: click.Context, /, **options: Any) -> None:
    """
    Keep the clocks of lymphoma patients with a threatened spinal cord.

    \b
    Try it without a broker:   cordwatch simulate messages.hl7
    See it at work:            cordwatch demo
    Run it:                    cordwatch topics apply && cordwatch watch

    \b
    Exit codes: 0 done; 1 a check found something; 2 wrong use; 3 topics are missing
    or not ours; 4 no broker answers; 5 a bad pathway pack, source profile or pager plan; 6 not the key by
    which patients are known; 10 to 16 the broker does
    not let us in (docs/kafka-security.md); 70 an error of ours.
    """
    ctx.obj = options


def report(error: BaseException) -> tuple[str, int] | None:
    """Return what to say about *error* and the exit code, None if it is one of ours."""
    name = type(error).__name__
    codes = {
        "BrokerUnreachable": EXIT_BROKER,
        "GroupsUnknown": EXIT_BROKER,
        "MissingTopics": EXIT_TOPICS,
        "WrongTopics": EXIT_TOPICS,
        "UnreadableReferences": EXIT_TOPICS,
        "WrongKey": EXIT_KEY,
        "NoKeyInUse": EXIT_KEY,
        "NotMarkedYet": EXIT_KEY,
        "ChangedMeanwhile": EXIT_FINDING,
        "BadYaml": EXIT_PACK,
        "BadTls": EXIT_USAGE,
        "BadDestinations": EXIT_USAGE,
        "BadAccess": EXIT_USAGE,
        "BadFiles": EXIT_USAGE,
        "BadSecurity": EXIT_USAGE,
        "UnknownRisk": EXIT_USAGE,
        "NotForProduction": EXIT_USAGE,
        "CannotListen": EXIT_USAGE,
        "EmptyFile": EXIT_USAGE,
        "FileNotFoundError": EXIT_USAGE,
        "IsADirectoryError": EXIT_USAGE,
        "PermissionError": EXIT_USAGE,
        "WrongFaust": EXIT_BROKEN,
    }
    if name not in codes:
        return _refused(error)
    if name == "EmptyFile":
        return f"{error}: the file is empty", codes[name]
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}", codes[name]
    return str(error), codes[name]


def _refused(error: BaseException) -> tuple[str, int] | None:
    """Return what to say where the broker did not let us in, or do something; None where it is not that."""
    from cordwatch.runtime.kafka_refusals import (  # noqa: PLC0415 - only on this path
        EXIT_CODES,
        KafkaRefused,
        denied,
        refusal_of,
    )

    if isinstance(error, KafkaRefused):
        return str(error), error.exit_code
    if refusal_of(error) == "denied":
        return str(denied([type(error).__name__])), EXIT_CODES["denied"]
    return None


def main() -> None:
    """Run the command line; errors are told in a line, never with what a message held."""
    leave_when_told()
    try:
        cordwatch(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        told = report(error)
        if told is None:
            from cordwatch.runtime.logging import describe  # noqa: PLC0415 - only on this path

            told = (f"unexpected error: {describe(error)}", EXIT_BROKEN)
        click.echo(f"cordwatch: {told[0]}", err=True)
        sys.exit(told[1])


if __name__ == "__main__":
    main()
