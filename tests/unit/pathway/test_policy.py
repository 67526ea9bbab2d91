"""The figures of a pack have the effect that they promise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import cordwatch.pathway
from cordwatch.pathway.simulation import simulate
from cordwatch_schemas.alerts import Alert
from cordwatch_schemas.pack import Pack, Policy, load_pack
from tests.builders import LUMBAR_MRI, T, a_suspicion, an_mri_done

PACK = load_pack("mescc-lymphoma")


def with_policy(**figures: object) -> Pack:
    """Return the default pack with other figures."""
    return PACK.model_copy(update={"policy": PACK.policy.model_copy(update=figures)})


def test_every_figure_is_read_by_the_core() -> None:
    """A figure that nothing reads would be a switch that is connected to nothing."""
    folder = Path(cordwatch.pathway.__file__).parent
    source = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    assert [name for name in Policy.model_fields if f".{name}" not in source] == []


def test_the_tolerance_for_wrong_clocks_is_the_packs() -> None:
    """Ten minutes in the future: clamped to receipt under the default, taken as told where ten are allowed."""
    story = [a_suspicion(T(0) + timedelta(minutes=10), received_at=T(0))]

    def starts(pack: Pack) -> set[tuple[object, ...]]:
        return {(one.start_at, one.flags) for one in simulate(story, pack, T(8))}

    assert starts(PACK) == {(T(0), ("future-clamped",))}
    ten = with_policy(future_tolerance=timedelta(minutes=10))
    assert starts(ten) == {(T(0) + timedelta(minutes=10), ())}


def reason(alerts: list[Alert]) -> str:
    """Return the reason of the first alert of the clock."""
    return next(one.reason for one in alerts if one.kind == "clock")


def test_a_scan_from_before_the_start_is_mentioned() -> None:
    """It satisfies nothing, but whoever is paged should know of it; older ones than the pack's span are not."""
    story = [an_mri_done(T(-72), LUMBAR_MRI), a_suspicion(T(0))]
    assert reason(simulate(story, PACK, T(7))).endswith(
        "; the last MRI of the spine was 3 d before"
    )
    shorter = with_policy(scan_mentioned=timedelta(days=2))
    assert "the last MRI" not in reason(simulate(story, shorter, T(7)))
    just = [an_mri_done(T(-1), LUMBAR_MRI), a_suspicion(T(0))]
    assert reason(simulate(just, PACK, T(7))).endswith("; the last MRI of the spine was 1 h before")
    assert "the last MRI" not in reason(simulate([a_suspicion(T(0))], PACK, T(7)))
    at_the_start = [an_mri_done(T(0), LUMBAR_MRI), a_suspicion(T(0))]
    assert "the last MRI" not in reason(simulate(at_the_start, PACK, T(7)))
