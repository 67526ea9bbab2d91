"""Boards of one hospital show the same: however the topics came mixed, told twice, or read in pieces."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from cordwatch.board.projection import Projection
from cordwatch_schemas.topics import ACKS, ALERTS
from tests.builders import (
    LUMBAR_MRI,
    T,
    a_back_pain,
    a_dose,
    a_merge,
    a_report,
    a_suspicion,
    an_admission,
    an_mri_booked,
    an_mri_done,
    an_mri_ordered,
    known_lymphoma,
)
from tests.unit.board.hospital import (
    AMSTERDAM,
    PACK,
    Record,
    a_gateway,
    a_page,
    a_silence,
    alert_of,
    an_acknowledgement,
    an_identity,
    answered,
    kept,
    projected,
)

NOW = T(14)


@cache
def a_day() -> tuple[Record, ...]:
    """Return what a day of five patients, one merged, leaves on the topics, older accounts first."""
    told = [
        *(known_lymphoma(patient=one) for one in "ABCDE"),
        *(an_admission(patient=one, encounter=f"V{one}", bed="3") for one in "ABCDE"),
        a_suspicion(patient="A"),
        an_mri_ordered(T(1), patient="A"),
        an_mri_booked(T(2), T(15), patient="A"),
        a_back_pain(T(-24), patient="B"),
        a_suspicion(T(1), patient="C"),
        an_mri_done(T(3), LUMBAR_MRI, "O3", patient="C"),
        a_suspicion(T(-1), patient="D"),
        an_mri_done(T(4), order="O4", patient="D"),
        a_report(T(5), order="O4", patient="D"),
        a_dose(T(5.5), patient="D"),
        a_suspicion(T(2), patient="E"),
        *a_merge(T(6), "B", "E"),
    ]
    early, late = list(kept(told, T(9))), list(kept(told, NOW))
    seen = [
        an_acknowledgement(alert_of(late, "due").alert_id, T(13), patient="A"),
        an_acknowledgement(alert_of(late, "reminder").alert_id, T(7), patient="A"),
    ]
    names = [an_identity(one, f"{name}^X", T(0)) for one, name in zip("ABC", "ZZY", strict=True)]
    feeds = [a_gateway(T(13.99), {"north-ris|ORU": T(13.9)}), a_silence(T(12), T(13))]
    pages = [a_page(alert_of(late, "due"), T(12.1)), a_page(alert_of(late, "reminder"), T(6.1))]
    return (*early, *late, *answered(*seen), *names, *feeds, *pages)


def shown(board: Projection) -> object:
    """Return everything that *board* shows."""
    return (
        board.open_rows(NOW),
        board.closed_today(NOW),
        board.shared,
        board.feeds.feeds(NOW),
        board.feeds.troubles(NOW),
        board.last_fact_at,
        board.next_change(NOW),
    )


@st.composite
def deliveries(draw: st.DrawFn) -> list[Record]:
    """
    Mix the records; those of one key stay in their order, as on their partition; some come twice.

    An alert or answer may even be told again after a later one: after a crash
    watch and people repeat themselves.
    """
    waiting: dict[tuple[str, bytes], deque[Record]] = defaultdict(deque)
    for record in a_day():
        waiting[record[0], record[1]].append(record)
    turns = draw(st.permutations([record[:2] for record in a_day()]))
    again = draw(st.sets(st.integers(0, len(turns) - 1), max_size=20))
    found: list[Record] = []
    for place, key in enumerate(turns):
        record = waiting[key].popleft()
        found += [record, record] if place in again else [record]
    turned = [one for one in found if one[0] in {ALERTS.name, ACKS.name}]
    return [*found, *(one for place, one in enumerate(turned) if place in again)]


@settings(max_examples=60, deadline=None)
@given(deliveries(), st.integers(1, 200))
def test_order_repetition_and_pieces_change_nothing(records: list[Record], piece: int) -> None:
    """Any mixture of the topics, worked out in pieces of any size, ends in the same board."""
    board = Projection(PACK, AMSTERDAM)
    for place, record in enumerate(records):
        board.take(*record)
        if place % piece == 0:
            board.refresh()
    board.refresh()
    assert shown(board) == shown(projected(a_day()))


def test_the_day_shows_something() -> None:
    """The check of the check: the board that is compared is not an empty one."""
    board = projected(a_day())
    assert [(row.patient, row.rule) for row in board.open_rows(NOW)] == [
        ("D", "mdt.consult"),
        ("C", "mri.mescc-suspected"),
        ("B", "mri.mescc-suspected"),
        ("A", "mri.mescc-suspected"),
        ("D", "treatment.start"),
        ("B", "mri.back-pain"),
        ("D", "steroid.taper"),
    ]
    assert board.shared == {"A", "B"}
