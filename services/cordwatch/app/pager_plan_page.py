"""The reference page of the pager plan: every key, what it may hold and what it means, told from the models."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel

from cordwatch.pager import plan
from cordwatch.pager.transports import settings
from cordwatch_schemas.pack_data import PackData

_SHAPES = {
    "Name": "name",
    "Role": "role",
    "StepName": "step",
    "SomeTime": "time",
    "Time": "time",
    "Span": "time",
    "WeeklyHours": "hours",
    "Destination": "destination",
    "Watch": "line",
    "Step": "step",
    "RuleSteps": "entry",
    "Mute": "entry",
    "Calm": "entry",
    "str": "text",
    "int": "number",
    "bool": "yes or no",
    "SecretFile": "file or env:NAME",
    "File": "file",
    "Url": "address",
    "PrivateUrl": "https address",
    "PerMinute": "number",
    "Host": "host",
    "Port": "number",
    "Mailbox": "mail address",
    "LabelName": "label",
}
"""Types of the models in the words of who writes a plan."""

_PARTS: Sequence[tuple[str, type[PackData]]] = (
    ("The plan", plan.Plan),
    ("A line of `roster`", plan.Watch),
    ("A step of `ladder`", plan.Step),
    ("An entry of `by_rule`", plan.RuleSteps),
    ("An entry of `mute`", plan.Mute),
    ("`calm`", plan.Calm),
)

_INTRODUCTION = (
    "How they fit together stands in [pager-plan.md](../pager-plan.md). *Needed*: there is no"
    " default. A time is a number and a unit: `90 s`, `15 min`, `2 h`, `7 d`. Hours are"
    " written like `mon-fri 08:00-17:00` or `22:00-07:00`.\n"
)


def plan_page() -> str:
    """Return the page."""
    lines = ["# Keys of a pager plan\n", _INTRODUCTION]
    lines.append(f"Roles: {_coded(get_args(plan.Role))}.\n")
    lines.append(f"Steps, the least pressing first: {_coded(plan.STEPS)}.\n")
    for title, model in _PARTS:
        lines += [f"## {title}\n", *_section(model)]
    lines.append("## Destinations\n")
    lines.append("Each has a `kind`; the other keys are those of the kind.\n")
    for model in get_args(get_args(settings.Destination)[0]):
        lines += [f"### `{_kind(model)}`\n", *_section(model)]
    return "\n".join(lines)


def _coded(words: Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in words)


def _kind(model: type[BaseModel]) -> str:
    (kind,) = get_args(model.model_fields["kind"].annotation)
    return str(kind)


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield f"{inspect.getdoc(model)}\n"
    rows = [row for row in _rows(model) if not row.startswith("| `kind`")]
    if rows:
        yield "| key | holds | if absent | meaning |"
        yield "|---|---|---|---|"
        yield from rows
        yield ""


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for declaring in reversed(model.__mro__):
        if issubclass(declaring, PackData) and declaring is not PackData:
            yield from _own_rows(declaring)


def _own_rows(model: type[BaseModel]) -> Iterator[str]:
    (body,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
    for node, after in zip(body.body, [*body.body[1:], ast.Pass()], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        is_note = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        note = " ".join(str(after.value.value).split()) if is_note else ""  # type: ignore[attr-defined]
        absent = "*needed*" if node.value is None else _default(node.value)
        cells = (f"`{node.target.id}`", _shape(node.annotation), absent, note)
        yield f"| {' | '.join(cells)} |"


def _default(value: ast.expr) -> str:
    match value:
        case ast.Call(func=ast.Name(id="timedelta"), keywords=[keyword]):
            unit = {"seconds": "s", "minutes": "min", "hours": "h", "days": "d"}[keyword.arg or ""]
            return f"`{ast.literal_eval(keyword.value)} {unit}`"
        case ast.Call() | ast.Tuple() | ast.Constant(value=None | ""):
            return ""
        case ast.Constant(value=bool(said)):
            return "`true`" if said else "`false`"
        case _:
            return f"`{ast.literal_eval(value)}`"


def _shape(annotation: ast.expr) -> str:
    """Return what a key holds, in words."""
    match annotation:
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return f"{_shape(left)}, or `null`"
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _shape(first)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[first, *_])):
            return f"list: {_shape(first)}"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            return f"{_shape(key)}: {_shape(value)}"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            each = choices.elts if isinstance(choices, ast.Tuple) else [choices]
            return _coded([str(ast.literal_eval(one)) for one in each])
        case ast.Name(id=name):
            return _SHAPES[name]
        case _:
            raise ValueError(f"no words for {ast.unparse(annotation)}")
