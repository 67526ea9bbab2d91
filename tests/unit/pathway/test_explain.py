"""Why an alert came, and why another did not, in lines without patient data."""

from collections.abc import Sequence

from cordwatch.pathway.explain import explain
from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.base import Code, Event
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T

PACK = load_pack("mescc-lymphoma")


def told(events: Sequence[Event], hours: float, patient: str = "A") -> str:
    """Return what is told of the patient at *hours* as one text."""
    return "\n".join(explain(patient, events, PACK, T(hours)))


def test_a_running_clock_names_what_is_missing_and_what_was_raised() -> None:
    """Facts with their codes, the clock with its clause, each level with its state."""
    text = told([b.known_lymphoma(), b.a_suspicion()], 13)
    assert "diagnosed" in text
    assert "I10|C83.3" in text
    assert "mri.mescc-suspected: open, overdue" in text
    assert "missing: cervical, thoracic, lumbar" in text
    assert "due critical, paged, open" in text
    assert "overdue 4" in text
    assert "late by" not in text


def test_a_late_fact_a_doubt_and_a_fate_are_said() -> None:
    """When it was received, what is doubtful about its time, and what ended it."""
    events = [
        b.a_suspicion(T(0), received_at=T(20), record_id="R1", occurred_precision="day"),
        b.an_mri_done(T(11), received_at=T(21)),
        b.a_retraction(T(22), "assessed", "R1"),
    ]
    before, after = told(events, 21), told(events, 22)
    assert "received 2026-03-03 04:00:00Z [day-precision]" in before
    assert "satisfied 2026-03-02 19:00:00Z, in time, documented late" in before
    assert "late by 28800 s" in before
    assert "(retracted by record-retracted" in after


def test_notices_are_told_beside_the_clocks() -> None:
    """A cancelled order of a running clock."""
    events = [b.a_suspicion(), b.an_mri_ordered(T(1)), b.an_mri_cancelled(T(2))]
    assert "  order-cancelled: 2026-03-02 10:00:00Z order-cancelled warning, paged" in told(
        events, 3
    )


def test_a_clock_that_ended_before_its_first_level_raised_nothing() -> None:
    """Imaged an hour after the suspicion: nobody had to be told."""
    text = told([b.a_suspicion(), b.an_mri_done(T(1))], 2)
    assert "nothing raised: it ended, or its first level has not come" in text


def test_a_clock_of_the_near_future_has_not_begun() -> None:
    """Dated four minutes ahead by a clock that is fast."""
    text = told([b.a_suspicion(T(0), received_at=T(-0.05))], -0.05)
    assert "mri.mescc-suspected: not yet begun" in text


def test_why_an_assessment_opened_nothing() -> None:
    """No sign, after the death, or no lymphoma known; named as it is in the list of the facts."""
    nothing, pain, late = b.an_assessment(T(0)), b.a_back_pain(T(0)), b.a_back_pain(T(0.5))
    no_sign, unknown, after = (
        f"  assessed {fact_of(one).id[:8]}: " for one in (nothing, pain, late)
    )
    assert f"{no_sign}records no sign that a rule knows\n" in told([nothing], 1)
    assert f"{unknown}back-pain counts only with known lymphoma, and none is recorded\n" in told(
        [pain], 1
    )
    assert f"{after}after the recorded death\n" in told(
        [b.known_lymphoma(), b.a_death(T(0)), late], 1
    )


def test_an_assessment_of_known_lymphoma_needs_no_excuse() -> None:
    """It opened its clock: nothing is said under why not."""
    text = told([b.known_lymphoma(), b.a_back_pain(T(0))], 1)
    assert "assessed" not in text.partition("why not")[2]


def test_a_dosage_that_cannot_be_computed_is_said() -> None:
    """As needed: the low dose is not judged. A single dose is judged with what is given."""
    orders = [b.a_confirmed_diagnosis(), b.a_dexamethasone_order(T(0), frequency="PRN")]
    assert "is not judged: as needed" in told(orders, 1)
    once = [b.a_confirmed_diagnosis(), b.a_dexamethasone_order(T(0), frequency="ONCE")]
    assert "is not judged" not in told(once, 1)
    given = [b.a_confirmed_diagnosis(), b.a_dose(T(0)), b.a_dose(T(1), dose_unit="puffs")]
    assert told(given, 2).count("its amount or unit cannot be computed") == 1


def test_a_retired_reference_names_where_it_lives() -> None:
    """Merged: the survivor is to be asked for. Nothing else of the survivor is told."""
    text = told([b.a_suspicion(), *b.a_merge(T(1), "B", "A")], 2)
    assert text.splitlines()[1:] == ["lives under B since a merge: ask for that reference"]


def test_nothing_known_is_said_too() -> None:
    """Each rule says what would start it."""
    text = told([b.a_dose(T(0), codes=(Code(system="ATC", code="H02AB02"),))], 1, patient="X")
    assert "0 facts" in text
    assert "mri.back-pain: nothing recorded that means back-pain" in text
