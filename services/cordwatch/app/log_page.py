"""The page of every line that the software logs, read out of its source: docs/reference/logs.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cordwatch.app.generated_files import ROOT
from cordwatch.runtime.security_events import EVENTS

SOURCE: Final = ROOT / "services" / "cordwatch"
LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")
SECURITY_LOGGER: Final = "cordwatch.security"


class Unlisted(ValueError):
    """A line whose logger or words cannot be read out of the source; says where it stands."""


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """A line that may be logged."""

    logger: str
    event: str
    level: str
    fields: tuple[str, ...]
    module: str


def log_lines(source: Path = SOURCE) -> list[LogLine]:
    """
    Return every line that the modules in *source* log, but for those of security events.

    Raises:
        Unlisted: one is made in a way that nobody could list.
    """
    found = {line for path in sorted(source.rglob("*.py")) for line in _lines_of(path, source)}
    return sorted(found)


def _lines_of(path: Path, source: Path) -> Iterator[LogLine]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(source).with_suffix("").parts)
    loggers = _loggers(tree)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr not in LEVELS:
            continue
        logger = loggers.get(ast.unparse(call.func.value)) or _logger_in(call.func.value)
        if logger is None:
            continue
        level = "error" if call.func.attr == "exception" else call.func.attr
        fields = tuple("exception" if k.arg == "exc_info" else k.arg or "…" for k in call.keywords)
        for event in _words(call, f"{module}:{call.lineno}"):
            yield LogLine(logger, event, level, tuple(dict.fromkeys(fields)), module)


def _loggers(tree: ast.Module) -> dict[str, str]:
    """Return the loggers of a module, by the names that it gives them."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and (name := _logger_in(node.value)) is not None:
            found |= {ast.unparse(target): name for target in node.targets}
    return found


def _logger_in(node: ast.expr) -> str | None:
    """Return the name of the logger that an expression gets; None: it gets none."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("get_logger")):
        return None
    (named,) = node.args
    if not isinstance(named, ast.Constant) or not isinstance(named.value, str):
        raise Unlisted(f"a logger is not named by a text: {ast.unparse(node)}")
    return named.value


def _words(call: ast.Call, where: str) -> list[str]:
    """Return what a line may say: a text, or one of two."""
    event = call.args[0] if call.args else None
    choices = [event.body, event.orelse] if isinstance(event, ast.IfExp) else [event]
    words = [one.value for one in choices if isinstance(one, ast.Constant)]
    if len(words) < len(choices) or len(call.args) > 1:
        raise Unlisted(f"{where}: a line says what only the moment knows")
    return [str(one) for one in words]


def logs_page() -> str:
    """Return the page."""
    lines = [
        "# Log lines\n",
        "Each process writes these to its standard error and nowhere else; [logging.md](../logging.md) says in which form, and",
        "what else is kept where. Each line has besides `timestamp` (UTC), `level`, `logger` and `event`; `exception` is type and",
        "place of an error, never its text. Lines of libraries (`faust`, `aiokafka`, `aiohttp` ...) keep their template and lose what was",
        "filled in; of librdkafka only what it calls critical is logged (`cordwatch.runtime.librdkafka`).\n",
        f"## {SECURITY_LOGGER}\n",
        "`event` is `security event`, and `security` one of these. `at` is the door, `why` a reason of ours, `peer` an address, `user`",
        "and `subject` a person of staff, `route` the one asked for without what stood in it, `left_out` how many of the kind were not written.\n",
        "| `security` | meaning |",
        "|---|---|",
        *(f"| `{event}` | {meaning} |" for event, meaning in EVENTS.items()),
        "",
    ]
    by_logger = defaultdict(list)
    for one in log_lines():
        if one.logger != SECURITY_LOGGER:
            by_logger[one.logger].append(one)
    for logger, listed in by_logger.items():
        lines += [f"## {logger}\n", "| level | event | fields | where |", "|---|---|---|---|"]
        lines += [
            f"| {one.level} | {one.event} | {' '.join(f'`{name}`' for name in one.fields)} | `{one.module}` |"
            for one in listed
        ]
        lines.append("")
    return "\n".join(lines)
