"""What a message brought along appears in no log line, on failing paths least of all."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from subprocess import run

import pytest
from pydantic import ValidationError

from cordwatch.runtime.logging import configure_logging, describe, get_logger
from cordwatch_schemas.admissions import Admitted

CANARY = "Zebrafinch 4711"


@pytest.fixture(params=["json", "console"])
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Give what is logged, in both forms; afterwards the root logger is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    caught = io.StringIO()
    configure_logging("debug", request.param, caught)
    yield caught
    root.handlers[:] = before
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def test_a_foreign_line_keeps_its_template_and_loses_its_values(stream: io.StringIO) -> None:
    """Faust and the Kafka clients log keys and values."""
    logging.getLogger("faust.topics").warning("could not send %r to %s", CANARY, "topic")
    logging.getLogger("aiokafka.producer").error(f"failed: {CANARY}")  # noqa: G004 - as they do
    assert CANARY not in stream.getvalue()
    assert "could not send" in stream.getvalue()


@pytest.mark.parametrize("name", ["cordwatch.watch", "faust.app"])
def test_an_exception_says_its_type_and_place_not_its_text(stream: io.StringIO, name: str) -> None:
    """A JSON or pydantic error quotes what it could not read; locals are never shown."""
    secret = CANARY
    try:
        json.loads(f'{{"name": "{secret}"')
    except ValueError as error:
        logging.getLogger(name).error("cannot read", exc_info=error)  # noqa: TRY400 - the path under test
    try:
        Admitted.model_validate({"patient": secret, "kind": "admitted"})
    except ValidationError:
        logging.getLogger(name).exception("cannot validate")
    assert CANARY not in stream.getvalue()
    assert "JSONDecodeError" in stream.getvalue()
    assert "ValidationError" in stream.getvalue()


def test_our_own_lines_keep_their_fields(stream: io.StringIO) -> None:
    """They hold references and counts, by our own hand."""
    get_logger("cordwatch.watch").info("watching", partitions=48)
    assert "48" in stream.getvalue()


@pytest.mark.parametrize("part", ["\n", "\r\n", "\u2028", "\x1b[2J\x1b[1A", "\x9b2J", "\u202e"])
def test_nobody_forges_a_line_by_what_is_logged(stream: io.StringIO, part: str) -> None:
    """A break in a name begins no line of its own, and no terminal is told anything."""
    forged = f"HIS{part}2026-03-02T09:00:00Z [info] all is well"
    get_logger("cordwatch.feeds").info("a sender", sender=forged, bare=f"a{part}b")
    logging.getLogger("aiokafka").warning(f"%s{part}[info] all is well", "x")  # noqa: G004 - a template of theirs
    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert all(one.isprintable() for one in text.splitlines())


def test_causes_are_told_by_type() -> None:
    """The chain of an error, without a word of what it said."""
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise RuntimeError(CANARY) from cause
    except RuntimeError as error:
        told = describe(error)
    assert told.startswith("RuntimeError at ")
    assert "KeyError" in told
    assert CANARY not in told


def test_a_line_before_anything_is_set_up_holds_no_values() -> None:
    """By itself structlog would print a traceback with the values of all variables."""
    script = (
        "from cordwatch.runtime.logging import get_logger\n"
        "def fail(secret):\n    raise ValueError(secret)\n"
        f"try:\n    fail('{CANARY}')\n"
        "except ValueError:\n    get_logger('cordwatch.feeds').exception('mapping failed')"
    )
    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "mapping failed" in done.stderr
    assert "ValueError at fail:3" in done.stderr
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "failing",
    [
        "threading.Thread(target=fail).start()",
        "class Held:\n    def __del__(self):\n        fail()\nHeld()",
        "fail()",
    ],
    ids=["thread", "destructor", "top"],
)
def test_what_python_prints_by_itself_holds_no_text(failing: str) -> None:
    """A thread's uncaught error, one in a destructor, and the last one of all."""
    script = (
        "import threading\nfrom cordwatch.runtime.logging import configure_logging\n"
        f"configure_logging()\ndef fail():\n    raise ValueError('{CANARY}')\n{failing}"
    )
    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "uncaught error" in done.stderr
    assert "ValueError at fail:5" in done.stderr
    assert CANARY not in done.stdout + done.stderr
