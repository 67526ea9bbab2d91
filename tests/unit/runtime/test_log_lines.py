"""Every line that the software may log: in one form, with who, when and where, in UTC, and to one place."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cordwatch.app.log_page import SECURITY_LOGGER, SOURCE, Unlisted, log_lines, logs_page
from cordwatch.runtime.logging import configure_logging, get_logger

ALWAYS = {"timestamp", "level", "logger", "host", "pid", "event"}
HANDED_OVER = {
    "runtime/logging.py": "makes them",
    "board/reading.py": "to librdkafka",
    "runtime/following.py": "to librdkafka",
    "watch/fast_consumer.py": "to Faust",
}
"""Loggers that are given to a library, whose lines they then are."""
LIBRARIES = ("faust.app", "mode.services", "aiokafka.consumer", "aiohttp.server", "asyncio")


@contextmanager
def written(form: str) -> Iterator[io.StringIO]:
    """Give what is logged in a form; afterwards the root logger is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    caught = io.StringIO()
    configure_logging("debug", form, caught)  # type: ignore[arg-type]
    try:
        yield caught
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def test_every_line_of_the_software_has_the_same_form() -> None:
    """Each of the list, as it is written: one object, when in UTC, who and where, and its fields under their own names."""
    lines = log_lines()
    assert len(lines) > 90
    with written("json") as caught:
        for one in lines:
            fields = {name: "x" for name in one.fields if name not in {"exception", "…"}}
            error = {"exc_info": ValueError("x")} if "exception" in one.fields else {}
            getattr(get_logger(one.logger), one.level)(one.event, **fields, **error)
    told = [json.loads(line) for line in caught.getvalue().splitlines()]
    assert len(told) == len(lines)
    for one, line in zip(lines, told, strict=True):
        named = set(one.fields) - {"…"}
        assert set(line) == ALWAYS | named, one
        assert (line["event"], line["level"], line["logger"]) == (one.event, one.level, one.logger)
        assert all(line[name] == "x" for name in named - {"exception"}), one
        check_time(line["timestamp"])


def check_time(text: str) -> None:
    """Fail where a time is not of now, in UTC and said to be."""
    at = datetime.fromisoformat(text)
    assert text.endswith("Z")
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)  # noqa: TID251 - lines have the real time


@pytest.mark.parametrize("name", LIBRARIES)
def test_lines_of_libraries_have_it_too(name: str) -> None:
    """Whoever collects them reads one form."""
    with written("json") as caught:
        logging.getLogger(name).error("something %s", "happened")
    line = json.loads(caught.getvalue())
    assert set(line) == ALWAYS
    check_time(line["timestamp"])


def test_lines_for_people_say_when_in_utc_and_which_service() -> None:
    """By a zone that is written beside the time, whatever the machine's own is."""
    with written("console") as caught:
        get_logger("cordwatch.watch").info("watching", partitions=48)
    found = re.match(r"(\S+Z) \[info\s*\] watching", caught.getvalue())
    assert found is not None
    check_time(found[1])
    assert "cordwatch.watch" in caught.getvalue()


def test_the_page_lists_every_line() -> None:
    """Read out of the source, so that none is forgotten; that the page in docs is this one holds `make check`."""
    text = logs_page()
    for one in log_lines():
        assert one.logger == SECURITY_LOGGER or f"| {one.level} | {one.event} |" in text
    stored = SOURCE.parents[1] / "docs" / "reference" / "logs.md"
    assert stored.read_text(encoding="utf-8").endswith(text)


@pytest.mark.parametrize(
    "source",
    [
        'log = get_logger("a")\nlog.info(f"of {patient}")',
        'log = get_logger("a")\nlog.info("of %s", patient)',
        'log = get_logger("a")\nlog.info(what)',
        "log = get_logger(__name__)",
        'log = get_logger("a")\nlog.info("one" if x else two)',
    ],
)
def test_a_line_that_nobody_could_list_is_refused(source: str, tmp_path: Path) -> None:
    """What only the moment knows stands in a field, and a logger has a name."""
    (tmp_path / "one.py").write_text(source, encoding="utf-8")
    with pytest.raises(Unlisted):
        log_lines(tmp_path)


def test_lines_go_to_standard_error_and_nowhere_else() -> None:
    """One handler, in one module; nobody else opens a file, a socket or a logger for them, or prints."""
    with written("json"):
        (handler,) = logging.getLogger().handlers
        assert type(handler) is logging.StreamHandler
    banned = re.compile(r"logging\.handlers|FileHandler|SysLogHandler|addHandler|HTTPHandler")
    for path in SOURCE.rglob("*.py"):
        text, where = path.read_text(encoding="utf-8"), path.relative_to(SOURCE)
        assert not banned.search(text), where
        if str(where) not in HANDED_OVER:
            assert not re.search(r"\b(?:logging|structlog)\.get_?[lL]ogger\(", text), where
        calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert not [one for one in calls if isinstance(one, ast.Name) and one.id == "print"], where
