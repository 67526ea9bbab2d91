"""
From a clause of the pathway to the code that reads it: which trigger, goal or name stands where.

The pack names what starts a clock, what ends it, and each notice and
advisory; the core reads these names. So the way from the one to the other is
found in the source, and a rule that no code reads is a fault.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from cordwatch_schemas.pack import DeadlineRule, Pack, Tellable
from tests.safety.evidence import ROOT, SPEC_FOLDER

CORE = ROOT / "services" / "cordwatch" / "pathway"
STARTS, ENDS = ("starts.py", "clocks.py"), ("endings.py",)


class Untraced(ValueError):
    """A rule that no code reads, or that has no page: its name and what is missing."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One rule, notice or advisory: its clause, what reads it, and its page of the specification."""

    id: str
    clause: str
    basis: str
    code: tuple[str, ...]
    page: str
    examples: tuple[str, ...]
    """The worked examples of the pack that show it."""


def traces(pack: Pack) -> list[Trace]:
    """
    Return the way of every rule, notice and advisory of *pack*.

    Raises:
        Untraced: it leads nowhere.
    """
    advice = tuple(path.name for path in (CORE / "advisories").glob("*.py"))
    found: list[tuple[DeadlineRule | Tellable, list[str]]] = [
        *((rule, _starting(rule) + _ending(rule)) for rule in pack.rules),
        *((one, _reading(one.id, ("notices.py",))) for one in pack.notices),
        *((one, _reading(one.id, advice)) for one in pack.advisories),
    ]
    return [_trace(one, code, pack) for one, code in found]


def _trace(one: DeadlineRule | Tellable, code: list[str], pack: Pack) -> Trace:
    page = f"{one.id}.md"
    if not code:
        raise Untraced(f"{one.id}: no code of the core reads it")
    if not (SPEC_FOLDER / page).is_file():
        raise Untraced(f"{one.id}: has no page in docs/spec")
    shown = (
        example.name
        for example in pack.examples
        if any(told.rule == one.id for told in example.expected())
    )
    basis = f"{one.basis}, {one.source}"
    return Trace(one.id, one.clause, basis, tuple(code), page, tuple(shown))


def _starting(rule: DeadlineRule) -> list[str]:
    found = _reading(rule.starts_at, STARTS)
    if not found:
        raise Untraced(f"{rule.id}: no code of the core starts it")
    return found


def _ending(rule: DeadlineRule) -> list[str]:
    found = _reading(rule.satisfied_by, ENDS)
    if not found:
        raise Untraced(f"{rule.id}: no code of the core ends it")
    return found


def _reading(name: str, files: tuple[str, ...]) -> list[str]:
    """Return the functions in *files* of the core that say *name*, as `module:function`."""
    return sorted(
        f"{'.'.join(path.relative_to(ROOT / 'services').with_suffix('').parts)}:{function}"
        for path in CORE.rglob("*.py")
        if path.name in files
        for function, body in _functions(ast.parse(path.read_text(encoding="utf-8")))
        if any(isinstance(one, ast.Constant) and one.value == name for one in ast.walk(body))
    )


def _functions(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    yield f"{node.name}.{one.name}", one
