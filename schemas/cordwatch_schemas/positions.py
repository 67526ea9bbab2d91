"""The one reader of YAML with positions: what is wrong, in which line and column, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MAX_BYTES = 1_048_576

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, where, and why."""

    line: int
    column: int
    field: str
    reason: str


class BadYaml(ValueError):
    """A file that is not what it should be; its text lists every fault as `file:line:column field reason`."""

    def __init__(self, filename: str, faults: Sequence[Fault]) -> None:
        """Keep *faults*, in the order of the file."""
        self.faults = sorted(faults, key=lambda one: (one.line, one.column, one.field))
        lines = (
            f"{filename}:{one.line}:{one.column} {one.field} {one.reason}" for one in self.faults
        )
        super().__init__("\n".join(lines))


def read_yaml(text: str, model: type[M], filename: str) -> M:
    """
    Return *text* as a *model*.

    Raises:
        BadYaml: every fault at once, each with its position; unknown keys are faults.
    """
    if len(text.encode()) > MAX_BYTES:
        raise BadYaml(filename, [Fault(1, 1, "file", f"is larger than {MAX_BYTES} bytes")])
    try:
        tree = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadYaml(
            filename, [Fault(line, column, "yaml", error.problem or "is not YAML")]
        ) from None
    except YAMLError:
        raise BadYaml(filename, [Fault(1, 1, "yaml", "is not readable as YAML")]) from None
    if not isinstance(tree, CommentedMap):
        raise BadYaml(filename, [Fault(1, 1, "file", "must hold keys and values")])
    if alias := _shared(tree):
        raise BadYaml(filename, [alias])
    try:
        return model.model_validate(_plain(tree))
    except ValidationError as error:
        raise BadYaml(filename, [_fault(tree, one) for one in _errors(error)]) from None


def _errors(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        reason = one["msg"].removeprefix("Value error, ")
        yield one["loc"], "is not a known key" if one["type"] == "extra_forbidden" else reason


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def _shared(tree: CommentedMap) -> Fault | None:
    """Return a fault for a node that is used twice: aliases can make a small file huge."""
    seen: set[int] = set()
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if not isinstance(node, CommentedMap | CommentedSeq):
            continue
        if id(node) in seen:
            return Fault(node.lc.line + 1, node.lc.col + 1, "alias", "is not allowed: write it out")
        seen.add(id(node))
        stack += node.values() if isinstance(node, CommentedMap) else node
    return None


def _fault(tree: CommentedMap, error: tuple[tuple[str | int, ...], str]) -> Fault:
    path, reason = error
    node: Any = tree
    line, column = 0, 0
    for part in path:
        if isinstance(node, CommentedMap) and part in node:
            line, column = node.lc.value(part) if _scalar(node[part]) else node.lc.key(part)
            if reason == "is not a known key":
                line, column = node.lc.key(part)
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line, column = node.lc.item(part)
        else:
            continue
        node = node[part]
    return Fault(line + 1, column + 1, ".".join(str(part) for part in path) or "file", reason)


def _scalar(node: Any) -> bool:
    return not isinstance(node, CommentedMap | CommentedSeq)
