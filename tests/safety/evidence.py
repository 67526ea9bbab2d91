"""
Whether what a safety paper names is still there: code, and tests that run.

It is looked up in the source, not imported: a paper may name the code of any
service, and reading it must start nothing.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPEC_FOLDER = ROOT / "docs" / "spec"
SOURCE_ROOTS = ("services", "schemas", ".")
NOT_RUN = frozenset({"skip", "xfail"})
"""Marks of a test that proves nothing. `skipif` is another thing: a tool that a machine lacks and CI has."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def fault_of_code(named: str) -> str | None:
    """Return what is wrong with code that is named as `module:object` or `file:word`, or nothing."""
    where, _, what = named.partition(":")
    if "/" in where or where.endswith((".yml", ".md", ".toml")):
        return _file_fault(where, what)
    module = module_file(where)
    if module is None:
        return f"names the module {where}, which is not there"
    if not what:
        return "names a module without an object in it"
    if what not in objects(module):
        return f"names {what}, which is not in {where}"
    return None


def fault_of_test(node_id: str) -> str | None:
    """Return what is wrong with a test that is named as pytest does, or nothing."""
    where, _, name = node_id.partition("::")
    path = ROOT / where
    if not where.startswith("tests/") or not path.is_file():
        return f"names {where}, which is no file of tests"
    if not name.startswith("test_") or not path.name.startswith("test_"):
        return "names no test that pytest would run"
    test = objects(path).get(name)
    if not isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"names {name}, which is not in {where}"
    if any(isinstance(one, ast.Attribute) and one.attr in NOT_RUN for one in _marks(test)):
        return "names a test that is marked as not to run"
    return None


def says(node_id: str) -> str:
    """Return the sentence of a test that is there: the first line of its docstring, on one line."""
    where, _, name = node_id.partition("::")
    test = objects(ROOT / where)[name]
    text = ast.get_docstring(test) if isinstance(test, Definition) else None
    return " ".join((text or "").partition("\n\n")[0].split())


def module_file(module: str) -> Path | None:
    """Return the file of a module of ours, or nothing."""
    inner = Path(*module.split("."))
    tries = (
        ROOT / root / file
        for root in SOURCE_ROOTS
        for file in (inner.with_suffix(".py"), inner / "__init__.py")
    )
    return next((path for path in tries if path.is_file()), None)


@cache
def objects(path: Path) -> dict[str, ast.AST]:
    """Return what a module defines, by name: functions, classes, `Class.method`, constants."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for name in _names(node):
            found[name] = node
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}": one for one in node.body for name in _names(one)}
    return found


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            inner = (each for one in targets for each in getattr(one, "elts", (one,)))
            return [one.id for one in inner if isinstance(one, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _marks(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    """Return the parts of the decorators above a test; what a case of it is marked with is its own business."""
    return [one.func if isinstance(one, ast.Call) else one for one in test.decorator_list]


def _file_fault(where: str, what: str) -> str | None:
    path = ROOT / where
    if not path.is_file():
        return f"names the file {where}, which is not there"
    if what and not re.search(rf"(?<![\w-]){re.escape(what)}(?![\w-])", path.read_text("utf-8")):
        return f"names {what}, which is not in {where}"
    return None
