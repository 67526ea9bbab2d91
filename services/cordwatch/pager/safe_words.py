"""What came from outside, made fit for a page: letters and a few marks, on one line, cut at whole characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_MARKS = frozenset(" .,'-/@:+()#&")
_ELLIPSIS = "…"


class _Kept(dict[int, str | int]):
    """What becomes of each character, for `str.translate`: itself, or a blank; found out once."""

    def __init__(self, kept: Callable[[str], bool]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, code: int) -> str | int:
        self[code] = code if self._kept(chr(code)) else " "
        return self[code]


_PLAIN = _Kept(lambda mark: mark in _MARKS or unicodedata.category(mark)[0] in "LMN")
_VISIBLE = _Kept(lambda mark: unicodedata.category(mark)[0] not in "CZ")


def foreign(text: str, limit: int) -> str:
    """
    Return *text* from a message or a person so that it can only ever be words.

    No line breaks (a mail header), no brackets, stars or angles (Slack, Teams,
    HTML), no control or direction marks.
    """
    return cut(" ".join(text[: limit * 4].translate(_PLAIN).split()), limit)


def one_line(text: str) -> str:
    """Return *text* without line breaks, control or direction marks and lone surrogates."""
    return " ".join(text.translate(_VISIBLE).split())


def cut(text: str, limit: int) -> str:
    """Return *text* in at most *limit* code points, with a mark where something is left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def cut_bytes(text: str, limit: int) -> str:
    """Return as much of *text* as its UTF-8 has room for in *limit* bytes, at whole characters."""
    raw = text.encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore") if len(raw) > limit else text
