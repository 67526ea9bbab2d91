"""
The house style, held: sizes, names, tests that can fail, nothing of anyone's machine.

Docstrings of modules, classes and functions are ruff's business (D100-D104);
docstrings of tests are held here.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (".ci", "bench", "deploy", "docs", "schemas", "services", "tests")
PRODUCT = ("schemas", "services")
MODULE_LINES_MAX = 400
TEST_LINES_MAX = 500
FUNCTION_LINES_MAX = 50
SLEEP_S_MAX = 1
BANNED_NAMES = frozenset({"utils", "util", "helpers", "helper", "manager", "common"})
ASSERTING = re.compile(r"^(raises|warns|fail|check\w*|assert_\w*|expect\w*)$")

# Joined from parts, so that this file does not hold what it forbids.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("repo1", "maven", "org"),
    ("repo", "maven", "apache", "org"),
    ("registry", "npmjs", "org"),
    ("deb", "debian", "org"),
    ("crates", "io"),
    ("proxy", "golang", "org"),
)
MACHINE_PATHS = ("work", "root", "farm", "tmp/bash_jobs")
FOREIGN = re.compile(
    "|".join(
        [re.escape(".".join(parts)) for parts in REGISTRIES]
        + [rf"(?<![\w.}}])/{path}[/.]" for path in MACHINE_PATHS]
    )
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*folders: str) -> list[Path]:
    """Return the project's own files in *folders*, or everywhere."""
    found = [path for folder in folders or FOLDERS for path in (ROOT / folder).rglob("*")]
    if not folders:
        # In a work tree of its own `.git` is a file, which names where the repository lies.
        found += [path for path in ROOT.iterdir() if path.name != ".git"]
    return sorted(p for p in found if p.is_file() and "__pycache__" not in p.parts)


def modules(*folders: str) -> list[Path]:
    """Return the Python modules in *folders*, or everywhere."""
    return [path for path in files(*folders) if path.suffix == ".py"]


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a module, methods and inner ones too."""
    return (
        n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def each_test() -> Iterator[tuple[str, Function]]:
    """Yield every test function with its place."""
    for path in modules("tests"):
        for function in functions(path):
            if function.name.startswith("test_"):
                yield place(path, function.lineno, function.name), function


def place(path: Path, *more: object) -> str:
    """Return where something is, as an editor can open it."""
    return ":".join(map(str, (path.relative_to(ROOT), *more)))


def called(node: ast.AST) -> str:
    """Return the bare name of what a call calls, or nothing."""
    if not isinstance(node, ast.Call):
        return ""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def sleeps_long(node: ast.AST) -> bool:
    """Return whether *node* waits for a second or more of somebody's life."""
    if not isinstance(node, ast.Call) or called(node) != "sleep" or not node.args:
        return False
    span = node.args[0]
    return (
        isinstance(span, ast.Constant)
        and isinstance(span.value, int | float)
        and span.value >= SLEEP_S_MAX
    )


def asserts(function: Function) -> bool:
    """Return whether a test holds anything that can fail."""
    return any(
        isinstance(node, ast.Assert) or ASSERTING.match(called(node)) for node in ast.walk(function)
    )


def test_modules_are_one_idea_long() -> None:
    """A module that outgrows its limit is two ideas."""
    limits = dict.fromkeys(modules(*PRODUCT, "bench", "deploy"), MODULE_LINES_MAX)
    limits |= dict.fromkeys(modules("tests"), TEST_LINES_MAX)
    lines = {path: len(path.read_text().splitlines()) for path in limits}
    assert [place(p, lines[p]) for p, limit in limits.items() if lines[p] > limit] == []


def test_functions_fit_on_a_screen() -> None:
    """A function that does not is several."""
    long = [
        place(path, function.lineno, function.name)
        for path in modules()
        for function in functions(path)
        if (function.end_lineno or function.lineno) - function.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_modules_are_named_for_what_they_mean() -> None:
    """A drawer named for nothing collects everything."""
    named = [place(p) for p in modules() if BANNED_NAMES & {p.stem, *p.relative_to(ROOT).parts}]
    assert named == []


def test_every_test_says_what_it_holds() -> None:
    """A failing test's docstring is the sentence that is no longer true."""
    assert [where for where, function in each_test() if not ast.get_docstring(function)] == []


def test_every_test_can_fail() -> None:
    """A test without an assertion is a comfort, not a test."""
    assert [where for where, function in each_test() if not asserts(function)] == []


def test_no_test_sleeps() -> None:
    """Hours are fast-forwarded; a test that waits real seconds is slow and flaky."""
    long = [
        place(path, node.lineno)
        for path in modules("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and sleeps_long(node)
    ]
    assert long == []


def test_nothing_of_anyones_machine_is_left_in_the_files() -> None:
    """No package registry's host, no path of a developer's disk: they are not the hospital's."""
    found = [
        place(path, number)
        for path in files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("def test_x():\n    assert one == two", False),
        ("def test_x():\n    with pytest.raises(ValueError): one()", False),
        ("def test_x():\n    one()", True),
    ],
)
def test_a_test_without_assertion_is_seen(source: str, wrong: bool) -> None:
    """The check of the checks: it can tell."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert asserts(function) is not wrong


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("time.sleep(1)", True),
        ("sleep(2.5)", True),
        ("await_sleep(9)", False),
        ("sleep(0.1)", False),
    ],
)
def test_a_long_sleep_is_seen(source: str, wrong: bool) -> None:
    """The check of the checks: it can tell."""
    assert any(sleeps_long(node) for node in ast.walk(ast.parse(source))) is wrong


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("see /" + "work/main", True),
        ("https://" + "pypi" + ".org/simple", True),
        ("the path /home/somebody", False),
        ("a framework/package", False),
    ],
)
def test_a_foreign_line_is_seen(line: str, wrong: bool) -> None:
    """The check of the checks: it can tell."""
    assert bool(FOREIGN.search(line)) is wrong
