"""Every limit of the paper has that value in the code, and every limit of the code is in the paper."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from cordwatch.app.cli import cordwatch
from cordwatch.board.security import Allowance
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.pager.settings import PagerSettings
from cordwatch.synthetic.settings import SyntheticSettings
from cordwatch_schemas.positions import BadYaml
from tests.safety.inventories import Limit, consistency, limits
from tests.safety.papers import FOLDER
from tests.safety.source import SHIPPED, modules
from tests.safety.test_connections import variables

LIMIT = re.compile(r"(^|_)MAX($|_)")
SETTINGS: tuple[type[BaseSettings], ...] = (
    FeedsSettings,
    FhirSettings,
    PagerSettings,
    SyntheticSettings,
)
EVERY: list[Limit] = [one for group in limits().groups for one in group.limits]


def value_of(code: str) -> object:
    """Return what stands in the code, as the paper writes it: times in seconds, an allowance in words."""
    module, _, name = code.partition(":")
    holder, _, field = name.partition(".")
    found: Any = getattr(import_module(module), holder)
    if field and issubclass(found, BaseModel):
        found = found.model_fields[field].default
    elif field:
        told = found.__dataclass_fields__[field]
        found = told.default_factory() if callable(told.default_factory) else told.default
    if isinstance(found, Allowance):
        return f"{found.most:g}, then {found.per_s:g} a second"
    return found.total_seconds() if isinstance(found, timedelta) else found


def in_code() -> Iterator[str]:
    """Yield every limit of the code: constants with MAX in their name, and numbers among the settings but for ports."""
    for module, tree in modules(*SHIPPED):
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = {
                    each.id
                    for one in targets
                    for each in ast.walk(one)
                    if isinstance(each, ast.Name)
                }
                yield from (f"{module}:{name}" for name in named if LIMIT.search(name))
    for model in SETTINGS:
        for name, field in model.model_fields.items():
            if field.annotation in {int, float} and not name.endswith("port"):
                yield f"{model.__module__}:{model.__name__}.{name}"


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.code)
def test_a_limit_has_the_value_that_the_paper_says(one: Limit) -> None:
    """As the code would have it at its start."""
    assert value_of(one.code) == one.value


def test_every_limit_of_the_code_is_in_the_paper() -> None:
    """Once; a new one is told of, or this fails."""
    listed = [one.code for one in EVERY]
    assert sorted(listed) == sorted(set(listed))
    assert set(in_code()) - set(listed) == set()
    assert len(listed) > 150


def test_every_setting_that_the_paper_names_is_one() -> None:
    """And where a limit is a setting, the paper names it."""
    known = set(variables(cordwatch))
    told = {one.setting for one in EVERY if one.setting.startswith("CORDWATCH_")}
    assert told - known == set()
    for one in EVERY:
        if any(f":{model.__name__}." in one.code for model in SETTINGS):
            assert one.setting in known, one.code


def test_a_limit_is_seen_however_it_is_written() -> None:
    """The check of the check: alone, in a pair, with a type, as a setting."""
    found = set(in_code())
    assert {
        "cordwatch.feeds.group_commit:PAUSE_S_MAX",
        "cordwatch.pager.inlets.heard:_BY_MAX",
        "cordwatch.board.live:ROWS_MAX",
        "cordwatch.feeds.hl7.framing:MAX_MESSAGE_BYTES",
        "cordwatch.feeds.settings:FeedsSettings.idle_s",
    } <= found


@pytest.mark.parametrize(
    ("paper", "read", "code"),
    [
        ("limits.yaml", limits, "cordwatch.board.live:ROWS_MAX"),
        ("consistency.yaml", consistency, "cordwatch.feeds.profile:Events._one_of_them"),
    ],
)
def test_code_that_is_gone_is_told_at_its_place(
    tmp_path: Path, paper: str, read: Callable[[Path], object], code: str
) -> None:
    """With line and column, as in every paper."""
    text = (FOLDER / paper).read_text(encoding="utf-8")
    path = tmp_path / paper
    path.write_text(text.replace(f'"{code}"', f'"{code}_gone"'), encoding="utf-8")
    with pytest.raises(BadYaml, match=rf"{paper}:\d+:\d+ groups\..*\.code names .*_gone"):
        read(path)
