"""Escapes: what a sender hid from the delimiters comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordwatch.feeds.hl7.encoding import STANDARD, Delimiters, escape, unescape

HASH = Delimiters("#", "*", "!", "/", "@")


@given(st.text(), st.sampled_from([STANDARD, HASH]))
def test_escaping_comes_back(text: str, delimiters: Delimiters) -> None:
    """Any text survives, and what stands in the field holds no delimiter."""
    escaped = escape(text, delimiters)
    assert unescape(escaped, delimiters) == text
    bare = (delimiters.field, delimiters.component, delimiters.repetition, "\r", "\n")
    assert not any(one in escaped for one in bare)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("\\E\\F\\E\\", "\\F\\"),
        ("\\X41\\\\X0D0A\\", "A\r\n"),
        ("\\XC3A9\\ \\XE9\\", "é é"),
        ("one\\.br\\two\\.sp2\\three\\.sk3\\four", "one\ntwo\n\nthree   four"),
        ("\\H\\bold\\N\\ \\.in+4\\x", "bold x"),
        ("C:\\dir\\F\\", "C:\\dir|"),
        ("\\X4\\ \\XZZ\\ \\Zmine\\ lone \\", "\\X4\\ \\XZZ\\ \\Zmine\\ lone \\"),
        ("\\X\u0664\u0661\\", "\\X\u0664\u0661\\"),
    ],
)
def test_each_escape(sent: str, expected: str) -> None:
    """Known ones are resolved; what is none is left as it stands."""
    assert unescape(sent, STANDARD) == expected
