"""The bundled day told as of now: the same day, only later."""

from datetime import timedelta
from pathlib import Path

from cordwatch.app.demo_day import DAY_FILE
from cordwatch.app.demo_today import ENDS, day_ending
from cordwatch.feeds.files import read_file
from cordwatch.feeds.gateway import Told, translate
from cordwatch.feeds.source import Source
from tests.builders import T

NOW = T(0) + timedelta(days=50, hours=3, minutes=17)


def events(path: Path) -> list[Told]:
    """Return what is told by the messages of a file."""
    found = (translate(item, Source(), None) for item in read_file(path))
    return [one for each in found for one in each.told]


def test_a_day_that_ends_when_it_ended_is_the_bundled_one() -> None:
    """Nothing but times is touched."""
    assert day_ending(ENDS) == DAY_FILE.read_bytes()


def test_every_time_of_every_event_is_later_by_as_much(tmp_path: Path) -> None:
    """Clocks of today start as far back as those of the day did; each message still says the same."""
    today = tmp_path / "today.hl7"
    today.write_bytes(day_ending(NOW))
    before, after = events(DAY_FILE), events(today)
    assert len(before) == len(after) > 100
    assert {b.occurred_at - a.occurred_at for a, b in zip(before, after, strict=True)} == {
        NOW - ENDS
    }
    assert [type(a) for a in before] == [type(b) for b in after]
