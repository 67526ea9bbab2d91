"""The product's own source as trees: which calls stand where, for the papers that must name each of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.safety.evidence import ROOT

SHIPPED = ("services", "schemas")
"""What runs in a hospital."""
OURS = (*SHIPPED, "deploy")
"""And what is run to build it, or to set it up."""


class Place(NamedTuple):
    """A node of a module, and the function or class of the module's own level that holds it."""

    module: str
    holder: str
    """`function`, `Class.method`, or empty at the module's own level."""
    node: ast.AST

    @property
    def name(self) -> str:
        """Return the place as the papers name code."""
        return f"{self.module}:{self.holder}" if self.holder else self.module


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of *folders* with its name, parsed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            within = path.relative_to(ROOT if folder == "deploy" else ROOT / folder)
            parts = within.with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    """Return the tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def places(*folders: str) -> Iterator[Place]:
    """Yield every node of every module of *folders*, with what holds it."""
    for module, tree in modules(*folders):
        for node in tree.body:
            yield from _held(module, node)


def _held(module: str, node: ast.AST) -> Iterator[Place]:
    match node:
        case ast.ClassDef(name=name, body=body):
            for one in body:
                inner = one.name if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) else ""
                holder = f"{name}.{inner}" if inner else name
                yield from (Place(module, holder, each) for each in ast.walk(one))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield from (Place(module, name, each) for each in ast.walk(node))
        case _:
            yield from (Place(module, "", each) for each in ast.walk(node))


def imported(tree: ast.Module) -> dict[str, str]:
    """Return by the name that a module uses what it imported, wherever in it: `sha256` is `hashlib.sha256`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                found[one.asname or one.name.partition(".")[0]] = (
                    one.name if one.asname else one.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or what is reached from it by dots, else nothing."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            inner = dotted(value)
            return f"{inner}.{attr}" if inner else ""
        case _:
            return ""


CRYPTOGRAPHY = ("hashlib", "hmac", "secrets", "ssl", "jwt", "cryptography", "random")
"""Modules whose every call is a matter of the inventory."""
BY_NAME = frozenset({"uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom"})


def cryptographic(*folders: str) -> dict[str, set[str]]:
    """Return by place what it calls, or hands on to be called, of cryptography and chance."""
    found: dict[str, set[str]] = {}
    names = {module: imported(tree) for module, tree in modules(*folders)}
    for place in places(*folders):
        for called in _called(place.node):
            root, dot, rest = dotted(called).partition(".")
            what = f"{names[place.module].get(root, '')}{dot}{rest}"
            is_error = what.endswith("Error")
            if not is_error and (what.split(".", maxsplit=1)[0] in CRYPTOGRAPHY or what in BY_NAME):
                found.setdefault(place.name, set()).add(what)
    return found


def _called(node: ast.AST) -> list[ast.AST]:
    """Return what *node* calls, and what it hands on: `hmac.digest(key, text, sha256)` uses both."""
    if not isinstance(node, ast.Call):
        return []
    return [node.func, *node.args, *(one.value for one in node.keywords)]
