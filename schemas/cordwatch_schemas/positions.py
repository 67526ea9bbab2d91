"""
The one reader of files that people write in YAML: what is wrong, where, all of it at once.

YAML is read as JSON is: texts, numbers, switches, lists and mappings. Anchors,
aliases, tags and dates of YAML's own are left out, since they let a small file
grow huge or a value be something else than it looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 1_048_576
FAULTS_SHOWN = 100

M = TypeVar("M", bound=BaseModel)

Path = tuple[str | int, ...]
"""The way to a part of a file: keys, and places in lists."""

_TAG = "tag:yaml.org,2002:"
_AS_TEXT = frozenset({"str", "timestamp"})
_TREE = frozenset({"map", "seq"})
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, where, and why. Line and column count from 1."""

    line: int
    column: int
    field: str
    reason: str


class BadYaml(ValueError):
    """A file that is not what it should be; its text lists every fault as `file:line:column field reason`."""

    def __init__(self, filename: str, faults: Sequence[Fault], *others: BadYaml) -> None:
        """Keep *faults*, in the order of the file; after them those of *others*, files that it names."""
        self.filename, self.others = filename, others
        self.faults = sorted(faults, key=lambda one: (one.line, one.column, one.field))
        lines = [
            f"{filename}:{one.line}:{one.column} {one.field} {one.reason}"
            for one in self.faults[:FAULTS_SHOWN]
        ]
        if len(self.faults) > FAULTS_SHOWN:
            lines.append(f"{filename}: and {len(self.faults) - FAULTS_SHOWN} more")
        super().__init__("\n".join([*lines, *map(str, others)]))


def read_yaml(text: str | bytes, model: type[M], filename: str) -> M:
    """
    Return *text* (UTF-8, up to 1 MiB) as a *model*; see `read_placed`.

    Raises:
        BadYaml: every fault at once, each with its position.
    """
    return read_placed(text, model, filename).value


@dataclass(frozen=True, slots=True)
class Placed(Generic[M]):
    """What was read, and where in the file each part of it stands."""

    value: M
    filename: str
    _tree: _Tree

    def fault(self, path: Path, reason: str) -> Fault:
        """Return a fault at the part that *path* leads to: keys and places in lists."""
        return _fault_at(self._tree.values[path], path, reason)


def read_placed(text: str | bytes, model: type[M], filename: str) -> Placed[M]:
    """
    Return *text* (UTF-8, up to 1 MiB) as a *model*, with the places of its parts.

    Values are not converted: `"7"` is no number and `true` no milligram. Whether
    an unknown key is a fault is the model's decision (`extra="forbid"`).

    Raises:
        BadYaml: every fault at once, each with its position.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise BadYaml(filename, [Fault(1, 1, "file", f"is larger than {MAX_BYTES} bytes")])
    try:
        root = _compose(raw)
        tree = _Tree()
        as_json = json.dumps(tree.value(root, ()))
    except _NotYamlError as error:
        raise BadYaml(filename, [error.fault]) from None
    except RecursionError:
        raise BadYaml(filename, [Fault(1, 1, "file", "nests too deeply")]) from None
    faults = tree.faults
    try:
        # As JSON, strictly: lists may fill tuples and texts times, but no type is bent.
        valid = model.model_validate_json(as_json, strict=True)
    except ValidationError as error:
        faults = [*faults, *tree.explained(error)]
    if faults:
        raise BadYaml(filename, faults)
    return Placed(valid, filename, tree)


class _NotYamlError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def _compose(raw: bytes) -> Node:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _NotYamlError(Fault(*_place(raw, error.start), "file", "is not UTF-8 text")) from None
    try:
        root = YAML(typ="rt").compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = ": ".join(part for part in (error.context, error.problem) if part)
        raise _NotYamlError(Fault(line, column, "yaml", reason)) from None
    except YAMLError as error:
        # A character that YAML forbids: the reader knows its place in the text only.
        place = _place(text.encode(), len(text[: getattr(error, "position", 0)].encode()))
        raise _NotYamlError(Fault(*place, "yaml", "holds a forbidden character")) from None
    if not isinstance(root, MappingNode):
        raise _NotYamlError(Fault(1, 1, "file", "must hold keys and values"))
    return root


def _place(raw: bytes, offset: int) -> tuple[int, int]:
    """Return line and column of a byte *offset*."""
    before = raw[:offset]
    start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start:].decode("utf-8", "replace")) + 1


@dataclass(slots=True)
class _Tree:
    """Values taken out of YAML nodes, with the place of every key and value by its path."""

    faults: list[Fault] = field(default_factory=list)
    keys: dict[Path, Node] = field(default_factory=dict)
    values: dict[Path, Node] = field(default_factory=dict)

    def value(self, node: Node, path: Path) -> object:
        """Return what *node* holds, and remember where."""
        self.values[path] = node
        if node.anchor is not None:
            # Not looked into: aliases of aliases make a small file huge.
            self.faults.append(_fault_at(node, path, "has an anchor: write it out instead"))
            return None
        tag = str(node.tag).removeprefix(_TAG)
        if isinstance(node, MappingNode) and tag in _TREE:
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and tag in _TREE:
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, tag, path)
        self.faults.append(_fault_at(node, path, "has a tag, which is not allowed"))
        return None

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.faults.append(_fault_at(key, path, "has a key that is not a plain word"))
                continue
            name = str(key.value)
            if name in found:
                self.faults.append(_fault_at(key, (*path, name), "is given twice"))
                continue
            self.keys[*path, name] = key
            found[name] = self.value(value, (*path, name))
        return found

    def _scalar(self, node: ScalarNode, tag: str, path: Path) -> object:
        text = str(node.value)
        if tag in _AS_TEXT:
            return text
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in {"true", "yes", "on"}
        try:
            number = {"int": _integer, "float": _real}[tag](text)
            # So written, the comparison refuses .nan too.
            reason = None if abs(number) <= _LARGEST else "is out of range"
        except KeyError:
            reason = "has a tag, which is not allowed"
        except ValueError:
            reason = "is not a number that can be read"
        if reason is None:
            return number
        self.faults.append(_fault_at(node, path, reason))
        return None

    def explained(self, error: ValidationError) -> Iterator[Fault]:
        """Yield what pydantic found, each at the place in the file that a person must look at."""
        known = {fault.field for fault in self.faults}
        for one in error.errors(include_input=False, include_url=False, include_context=False):
            path, rest = self._followed(one["loc"])
            missing = one["type"] == "missing"
            unknown = one["type"] == "extra_forbidden"
            at_key = unknown or rest == ("[key]",)
            node = self.keys[path] if at_key else self.values[path]
            if missing:
                # A mapping begins at its first key, which is where the missing one would stand.
                path = (*path, *rest[-1:])
            reason = one["msg"].removeprefix("Value error, ")
            fault = _fault_at(node, path, "is not a known key" if unknown else reason)
            if fault.field not in known:
                yield fault

    def _followed(self, location: Path) -> tuple[Path, Path]:
        """Return the part of pydantic's *location* that stands in the file, and what is left over."""
        path: Path = ()
        rest: Path = ()
        for part in location:
            if (*path, part) in self.values:
                path, rest = (*path, part), ()
            else:
                # The name of a union's branch, `[key]`, or a key that is missing.
                rest = (*rest, part)
        return path, rest


def _integer(text: str) -> int:
    plain = text.replace("_", "").lower()
    return int(plain, 0) if plain.lstrip("+-")[:2] in {"0x", "0o", "0b"} else int(plain)


def _real(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _fault_at(node: Node, path: Path, reason: str) -> Fault:
    mark = node.start_mark
    return Fault(mark.line + 1, mark.column + 1, ".".join(map(str, path)) or "file", reason)
