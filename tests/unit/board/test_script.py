"""The board's script, read for what could change the prototype of everything: nothing is put under a name that came from outside."""

from __future__ import annotations

import re

import pytest

from cordwatch.board.look import STATIC, static_file

COMMENTS_AND_TEXTS = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`", re.DOTALL
)
WAYS = {
    # x[name] = ..., x[name] += ..., x[name]++, delete x[name]
    "a place that is named at the moment": r"\][ \t]*(?:[-+*/%&|^?]{0,3}=(?![=>])|\+\+|--)|delete\s",
    "copying whatever names there are": r"Object\.(?:assign|fromEntries|defineProperty|defineProperties)"
    r"|\{\s*\.\.\.|Reflect\.|structuredClone",
    "the prototype itself": r"__proto__|\bprototype\b|setPrototypeOf|__define[GS]etter__",
    "going through inherited names": r"\bfor\s*\(\s*(?:const|let|var)\s+\w+\s+in\b|\bwith\s*\(",
    "code out of a text": r"\beval\b|\bFunction\s*\(|\bimport\s*\(|set(?:Timeout|Interval)\(\s*[\"'`]",
}
"""What a script does that can be made to change the prototype of all objects."""


def code_of(text: str) -> str:
    """Return a script without comments, and with every text but its place left out."""
    return COMMENTS_AND_TEXTS.sub(lambda found: '""' if found[0][0] in "\"'`" else "", text)


def ways_in(text: str) -> list[str]:
    """Return by which ways a script could change the prototype of all objects."""
    return [name for name, way in WAYS.items() if re.search(way, code_of(text))]


@pytest.mark.parametrize("name", [name for name in STATIC if name.endswith(".js")])
def test_the_script_puts_nothing_under_a_name_from_outside(name: str) -> None:
    """Strict, and each place that it writes to is named in it; what comes is gone through by pairs, and kept in sets."""
    text = static_file(name).decode()
    assert text.startswith('"use strict";')
    assert ways_in(text) == []
    # What comes from the server is read in one place, and each name in it is written here.
    assert len(re.findall(r"JSON\.parse", code_of(text))) == 1
    taken = set(re.findall(r"\bmessage\.(\w+)", code_of(text)))
    assert taken == {"now", "speed", "notLive", "build", "mark", "rows", "order", "status"}


@pytest.mark.parametrize(
    "line",
    [
        "known[key] = html;",
        "known[key] += 1;",
        "known[key] ||= {};",
        "known[key]++;",
        "delete known[key];",
        "Object.assign(known, message.rows);",
        "const all = {...message.rows};",
        "const all = Object.fromEntries(pairs);",
        "known.__proto__.x = 1;",
        "for (const key in message.rows) place(key);",
        "new Function(text)();",
    ],
)
def test_a_script_that_does_is_seen(line: str) -> None:
    """The check of the check: each way is found, wherever it stands."""
    assert ways_in(f'"use strict";\nfunction f(message) {{ {line} }}')


def test_pages_run_no_other_script() -> None:
    """There is one: nothing of others, and none within a page."""
    assert [name for name in STATIC if STATIC[name] == "text/javascript"] == ["live.js"]
