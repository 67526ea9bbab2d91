"""What came from outside, made fit for a page: letters and a few marks, on one line, cut at whole characters."""

from __future__ import annotations

import unicodedata

_MARKS = frozenset(" .,'-/@:+()#&")
_ELLIPSIS = "…"


def foreign(text: str, limit: int) -> str:
    """
    Return *text* from a message or a person so that it can only ever be words.

    No line breaks (a mail header), no brackets, stars or angles (Slack, Teams,
    HTML), no control or direction marks.
    """
    kept = "".join(mark if _is_plain(mark) else " " for mark in text[: limit * 4])
    return cut(" ".join(kept.split()), limit)


def _is_plain(mark: str) -> bool:
    return mark in _MARKS or unicodedata.category(mark)[0] in "LMN"


def one_line(text: str) -> str:
    """Return *text* without line breaks, control or direction marks and lone surrogates."""
    kept = "".join(" " if unicodedata.category(mark)[0] in "CZ" else mark for mark in text)
    return " ".join(kept.split())


def cut(text: str, limit: int) -> str:
    """Return *text* in at most *limit* code points, with a mark where something is left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def cut_bytes(text: str, limit: int) -> str:
    """Return as much of *text* as its UTF-8 has room for in *limit* bytes, at whole characters."""
    raw = text.encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore") if len(raw) > limit else text
