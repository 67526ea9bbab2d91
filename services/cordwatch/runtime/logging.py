"""Logging that cannot leak: events and their fields, never a value that a message brought along."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import traceback
from typing import Any, Literal, TextIO

import structlog

Format = Literal["console", "json"]

OURS = ("cordwatch", "cordwatch_schemas")
_HOST = socket.gethostname()


def _without_values(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """
    Keep of a foreign library's record its template and exception type, not what was filled in.

    Faust and the Kafka clients log records, keys and values on their failing
    paths; pydantic puts the input into its messages.
    """
    record: logging.LogRecord | None = event.get("_record")
    if record is None or record.name.split(".")[0] in OURS:
        return event
    template = (
        record.msg if isinstance(record.msg, str) and (record.args or "%" in record.msg) else None
    )
    event["event"] = template or f"message of {record.name}"
    event.pop("positional_args", None)
    return event


def _exception_without_values(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Say which exceptions were raised and where, not what they said."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not isinstance(info, tuple) or info[1] is None:
        return event
    event["exception"] = describe(info[1])
    return event


def describe(error: BaseException) -> str:
    """Return type and place of *error* and its causes, innermost last; none of their texts."""
    found: list[str] = []
    current: BaseException | None = error
    while current is not None and len(found) < 5:  # noqa: PLR2004 - enough to find the place
        frames = traceback.extract_tb(current.__traceback__)
        place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
        found.append(f"{type(current).__name__}{place}")
        current = current.__cause__ or current.__context__
    return " <- ".join(found)


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _exception_without_values,
]


def _with_place(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Say on which machine and in which process: for whoever reads the lines of all of them together."""
    return {**event, "host": _HOST, "pid": os.getpid()}


def _as_text(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Show what would move a terminal's cursor, or begin a line of its own, by its code: JSON does so by itself."""
    return {name: _shown(one) if isinstance(one, str) else one for name, one in event.items()}


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _handler(form: Format, stream: TextIO) -> logging.Handler:
    renderers: list[structlog.typing.Processor] = (
        [_with_place, structlog.processors.JSONRenderer()]
        if form == "json"
        else [_as_text, structlog.dev.ConsoleRenderer(colors=False)]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, _without_values],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    return handler


def _hold_tracebacks() -> None:
    """Send what Python would print by itself through the rules of this module: it prints every text."""

    def uncaught(kind: type[BaseException], error: BaseException | None, _: Any = None) -> None:
        if not issubclass(kind, SystemExit):
            get_logger("cordwatch").critical("uncaught error", exc_info=error)

    sys.excepthook = uncaught
    threading.excepthook = lambda told: uncaught(told.exc_type, told.exc_value)
    sys.unraisablehook = lambda told: uncaught(told.exc_type, told.exc_value)


def configure_logging(
    level: str = "INFO", form: Format = "console", stream: TextIO | None = None
) -> None:
    """Send every log line, the libraries' too, through the rules of this module."""
    root = logging.getLogger()
    root.handlers[:] = [_handler(form, stream or sys.stderr)]
    root.setLevel(level.upper())
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    _hold_tracebacks()
    # kafka-python tells of every attempt to connect; what comes of them is told once, by us.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one of our modules."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


# When this module is imported, not when a service is set up: structlog's and Python's own defaults
# print tracebacks, values and all.
structlog.configure(
    processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=False,
)
logging.lastResort = _handler("console", sys.stderr)
logging.lastResort.setLevel(logging.WARNING)
