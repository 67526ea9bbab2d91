"""Clocks as cards: what is missing, by when, and why, in Markdown that nothing from a feed can break out of. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, get_args

from cordwatch.board.answering import OTHER, REASONS
from cordwatch.board.cds.setup import CdsHooks
from cordwatch.board.clock_row import State
from cordwatch.board.look import Look, ShownRow

SUMMARY_MAX: Final = 139
"""The specification asks for fewer than 140 characters."""
REASON_SYSTEM: Final = "urn:cordwatch:override-reason"
RULE_SYSTEM: Final = "urn:cordwatch:rule"
SOURCE: Final = "cordwatch"

OVERRIDE_REASONS: Final[dict[str, str]] = {
    **{code: words for code, words in REASONS["acknowledge"].items() if code != OTHER},
    **REASONS["stand-down"],
}
"""Why a card is put aside: the reasons of the board, under their own codes."""

INDICATORS: Final[dict[str, str]] = {
    "running": "info",
    "reminder": "info",
    "warning": "warning",
    "urgent": "warning",
    "due": "critical",
    "overdue": "critical",
    "prompt": "critical",
}
_STATES: Final[tuple[State, ...]] = get_args(State)
_CLOCK_BITS, _STATE_BITS, _CHECK_BITS = 96, 4, 22
_LOW_BITS, _MIDDLE_BITS = 62, 12
_MARKUP: Final = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class CardId:
    """Which clock a card was about, and how far that had run."""

    clock: str
    state: State

    @property
    def uuid(self) -> str:
        """
        Return the card's id: clock and state themselves, so that any board can read it back.

        RFC 9562, version 8: 122 bits of our own.
        """
        number = int(self.clock, 16) << _STATE_BITS | _STATES.index(self.state)
        number = number << _CHECK_BITS | _check(number)
        high = number >> (_LOW_BITS + _MIDDLE_BITS)
        middle = number >> _LOW_BITS & ((1 << _MIDDLE_BITS) - 1)
        low = number & ((1 << _LOW_BITS) - 1)
        return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 0b10 << 62 | low))

    @classmethod
    def read(cls, text: str) -> CardId:
        """
        Return what a card's id says.

        Raises:
            ValueError: it is no id of a card of ours.
        """
        whole = uuid.UUID(text).int
        high, middle = whole >> 80, whole >> 64 & ((1 << _MIDDLE_BITS) - 1)
        number = (high << _MIDDLE_BITS | middle) << _LOW_BITS | whole & ((1 << _LOW_BITS) - 1)
        told, check = number >> _CHECK_BITS, number & ((1 << _CHECK_BITS) - 1)
        place = told & ((1 << _STATE_BITS) - 1)
        if check != _check(told) or place >= len(_STATES):
            raise ValueError("not a card of this board")
        found = cls(f"{told >> _STATE_BITS:024x}", _STATES[place])
        if found.uuid != str(uuid.UUID(text)):
            raise ValueError("not a card of this board")
        return found


def _check(number: int) -> int:
    """Return some bits over *number*: an id that was made up is no card."""
    mixed = blake2b(number.to_bytes(13), digest_size=3, person=b"cordwatch card").digest()
    return int.from_bytes(mixed) >> 2


def card(one: ShownRow, look: Look, hooks: CdsHooks) -> dict[str, Any]:
    """Return the card of a clock."""
    row = one.row
    state = row.state(look.now)
    return {
        "uuid": CardId(row.id, state).uuid,
        "summary": short(
            f"{one.word}. {row.need}: {row.chain.missing};"
            f" {look.left(row.due_at)}, due {look.t(row.due_at)}"
        ),
        # What is for the board only is old, or was told again from a file: it interrupts nobody.
        "indicator": "info" if row.silent else INDICATORS[state],
        "detail": "\n\n".join(_paragraphs(one, look)),
        "source": {
            "label": f"{SOURCE}, {row.pack}",
            "url": hooks.url,
            "topic": {"system": RULE_SYSTEM, "code": row.rule, "display": row.need},
        },
        "overrideReasons": [
            {"system": REASON_SYSTEM, "code": code, "display": words}
            for code, words in OVERRIDE_REASONS.items()
        ],
        "links": [
            {
                "label": "Acknowledge or stand down in cordwatch",
                "url": hooks.page_of(row.id),
                "type": "absolute",
            }
        ],
    }


def doubt_card(doubts: Sequence[str], hooks: CdsHooks) -> dict[str, Any]:
    """Return the card that says why the others may be wrong; without an id, since it asks for no feedback."""
    return {
        "summary": "What cordwatch knows of this patient may be old.",
        "indicator": "warning",
        "detail": "\n\n".join(plain(one) for one in doubts),
        "source": {"label": SOURCE, "url": hooks.url},
        "links": [{"label": "Open cordwatch", "url": hooks.url, "type": "absolute"}],
    }


def _paragraphs(one: ShownRow, look: Look) -> Iterator[str]:
    row = one.row
    yield plain(
        f"{row.presentation}: since {look.t(row.start_at)}, due {look.full(row.due_at)}."
        f" As of {look.full(look.now)}."
    )
    steps = [
        f"{link.word}: {look.t(link.at) if link.at else 'not yet'}" for link in row.chain.links
    ]
    if steps:
        yield "\n".join(f"- {plain(step)}" for step in steps)
    yield from (plain(word.reason) for word in row.beside)
    if one.seen is None:
        yield "In nobody\u2019s hand."
    else:
        why = f", {one.why}" if one.why else ""
        yield plain(f"In hand: {one.seen.by}, {look.t(one.seen.at)}{why}.")
    yield plain(f"Rule: {row.clause} ({row.basis}, {row.pack}, {row.rule}).")
    yield "To put this card aside stops no clock, and answers nobody: do that on its page."


def plain(text: str) -> str:
    """Return *text* so that Markdown shows it as it stands, in one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def short(text: str) -> str:
    """Return *text*, or as much of it as a summary may have."""
    return text if len(text) <= SUMMARY_MAX else f"{text[: SUMMARY_MAX - 1].rstrip()}…"
