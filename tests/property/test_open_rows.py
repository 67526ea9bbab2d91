"""Rows kept in their order, whatever changes them and in whatever order one looks, are those worked out anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from cordwatch.board.clock_row import ClockRow, Seen, order_of
from cordwatch.board.open_rows import OpenRows
from tests.builders import T, a_suspicion, known_lymphoma
from tests.unit.board.hospital import kept, projected

HOURS = st.integers(0, 30)


@cache
def pattern() -> ClockRow:
    """Return the row of a suspicion at T0."""
    (row,) = projected(kept((known_lymphoma(), a_suspicion()), T(1))).open_rows(T(1))
    return row


@st.composite
def rows(draw: st.DrawFn) -> ClockRow:
    """Return a row of one of few clocks: begun, ended and in somebody's hand at some hours, or not."""
    began, base = timedelta(hours=draw(HOURS)), pattern()
    ended, seen = draw(st.none() | HOURS), draw(st.lists(HOURS, max_size=2))
    return replace(
        base,
        id=draw(st.sampled_from("abcde")),
        start_at=base.start_at + began,
        due_at=base.due_at + began,
        overdue_at=base.overdue_at + began,
        steps=tuple((at + began, level) for at, level in base.steps),
        ended_at=None if ended is None else T(ended),
        seen=tuple(Seen("somebody", T(hour), None) for hour in sorted(seen)),
    )


STEPS = st.lists(rows() | st.sampled_from("abcde") | HOURS, max_size=40)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_the_order_is_the_one_that_is_worked_out_anew(steps: list[ClockRow | str | int]) -> None:
    """Put, dropped, looked at, forwards and back: what runs is in its order; until the wake-up it stays so."""
    kept_so, known = OpenRows(), dict[str, ClockRow]()
    for step in (*steps, 0, 15, 45):
        if isinstance(step, ClockRow):
            known[step.id] = step
            kept_so.put(step)
        elif isinstance(step, str):
            if known.pop(step, None):
                kept_so.drop(step)
        else:
            now = T(step)
            anew = [row for row in known.values() if row.is_open(now)]
            assert kept_so.at(now) == sorted(anew, key=lambda row: order_of(row, now))
            changes = [at for row in known.values() for at in row.changes_after(now)]
            assert kept_so.next_change(now) == min(changes, default=None)
            wake_at = kept_so.wake_at()
            assert not changes or (wake_at is not None and wake_at <= min(changes))
