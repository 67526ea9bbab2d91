"""Who is behind a reference is told when it is news: every update of a patient repeats it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from cordwatch.feeds.gateway import Translated
from cordwatch_schemas.records import Identity

PATIENTS_MAX = 10_000
"""Those told of last; most messages of a day are about patients who lie in the house."""
TOLD_FOR = timedelta(hours=1)
"""After this it is told again, since another gateway may have told otherwise."""

_Person = tuple[str, str | None, str | None]


class Identities:
    """What was told last of the last patients, and when."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._told: dict[str, tuple[_Person, datetime]] = {}

    def only_news(self, found: Translated) -> Translated:
        """Return *found* with those identities alone that are to be told, and take them for told."""
        news = tuple(one for one in found.identities if self._is_news(one))
        for one in news:
            self._told.pop(one.patient, None)
            self._told[one.patient] = (_person(one), one.received_at)
        while len(self._told) > PATIENTS_MAX:
            del self._told[next(iter(self._told))]
        return found if len(news) == len(found.identities) else replace(found, identities=news)

    def forget(self, identities: Iterable[Identity]) -> None:
        """Take them for not told: the message that was to tell them is not published."""
        for one in identities:
            self._told.pop(one.patient, None)

    def _is_news(self, one: Identity) -> bool:
        person, at = self._told.get(one.patient, (None, one.received_at))
        return person != _person(one) or one.received_at - at >= TOLD_FOR


def _person(one: Identity) -> _Person:
    return one.number, one.name, one.birth_date
