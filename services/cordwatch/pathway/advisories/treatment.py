"""Advisories on definitive treatment: when surgery is unwise or wanted, and that radiotherapy is planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from cordwatch.pathway.cure import Course
from cordwatch.pathway.facts import Fact
from cordwatch.pathway.notices import Condition
from cordwatch.pathway.picture import Picture
from cordwatch_schemas.pack import Policy

A_MOMENT = timedelta(seconds=1)
"""`More than` a time begins a second after it: times on the wards are whole seconds."""

_INDICATIONS = {
    "instability": "spinal instability",
    "recurrence-after-radiotherapy": "recurrence or progression after radiotherapy",
    "deterioration-under-treatment": "deterioration under radiotherapy and steroids",
}


def surgery_contraindicated(picture: Picture) -> Iterator[Condition]:
    """Surgery is planned although something speaks against it; an absolute indication is named beside."""
    against = picture.once(_contraindications)
    if not against or not picture.is_of_interest:
        return
    detail = ", ".join(name for _, name in against)
    indicated = _indicated(picture)
    if indicated:
        named = [_INDICATIONS[one] for one in indicated[-1].values["surgical_indications"]]
        detail += f"; recorded as indication: {', '.join(named)}"
    for course in _of(picture, "surgery"):
        for plan in course.meant[:1] if course.is_active else ():
            since = max(plan.start_at, min(at for at, _ in against))
            yield Condition("surgery.contraindicated", plan, since, detail=detail)


def surgery_indicated(picture: Picture) -> Iterator[Condition]:
    """An absolute indication is recorded, and no surgeon was heard or operation planned since."""
    heard = [
        fact.done_at
        for fact in picture.history.standing("consulted")
        if "spinal-surgeon" in fact.values.get("roles", ())
    ]
    for course in _of(picture, "surgery"):
        # An operation that was begun was somebody's opinion, whatever became of its plan before.
        begun = course.get("started")
        heard += [fact.done_at for fact in (*course.meant, begun) if fact is not None]
    last = max(heard, default=None)
    waiting = [one for one in _indicated(picture) if last is None or one.start_at > last]
    for one in waiting if picture.is_of_interest else ():
        named = [_INDICATIONS[name] for name in one.values["surgical_indications"]]
        yield Condition("surgery.indication", one, one.start_at, detail=", ".join(named))


def no_radiotherapy(picture: Picture, now: datetime) -> Iterator[Condition]:
    """Surgery is planned, or contraindicated at half of the treatment clock, and no radiotherapy planned."""
    causes: list[Condition] = []
    for course in _of(picture, "surgery"):
        begun = course.get("started")
        cause = min(_told_of(picture, course), key=_first_heard, default=None)
        if cause is None or not (begun or course.is_active) or not picture.is_of_interest:
            continue
        policy = picture.where.policy_of(cause)
        until = begun.start_at + policy.treatment_running if begun else None
        detail = _regimen(picture, policy)
        if not _irradiated(picture, cause.start_at) and (until is None or now < until):
            causes.append(
                Condition("rt.regimen", cause, cause.start_at, detail=detail, until=until)
            )
    yield from sorted(causes, key=lambda one: _first_heard(one.cause))
    against = picture.once(_contraindications)
    for clock in picture.open_clocks(now):
        if clock.rule.satisfied_by == "treatment-started" and against:
            half = clock.start_at + (clock.due_at - clock.start_at) / 2
            since = max(half, min(at for at, _ in against))
            if not _irradiated(picture, clock.start_at):
                detail = _regimen(picture, clock.pack.policy)
                yield Condition("rt.regimen", clock.cause, since, (clock,), detail=detail)


def vertebroplasty_followup(picture: Picture) -> Iterator[Condition]:
    """Relief is expected within days of a vertebroplasty; nobody has asked about the pain since."""
    if not picture.is_of_interest:
        return
    records = picture.history.standing("pain-recorded")
    for fact in picture.history.standing("treatment-started"):
        if fact.values["modality"] != "vertebroplasty":
            continue
        if not any(record.done_at >= fact.start_at for record in records):
            since = fact.done_at + picture.where.policy_of(fact).vertebroplasty_relief + A_MOMENT
            yield Condition("vertebroplasty.followup", fact, since)


def _first_heard(fact: Fact) -> tuple[datetime, datetime, str]:
    return (fact.start_at, fact.received_at, fact.id)


def _told_of(picture: Picture, course: Course) -> list[Fact]:
    """Return what told of *course*: its plan, its booking, missed or not, and its begin."""
    told = [one for kind in ("planned", "booked", "started") if (one := course.get(kind))]
    missed = course.get("no-show")
    booking = picture.history.last_replaced("treatment-booked", missed) if missed else None
    return [*told, booking] if booking else told


def _of(picture: Picture, modality: str) -> list[Course]:
    return [
        course
        for course in picture.endings.courses
        if any(fact.values["modality"] == modality for fact in course.facts.values())
    ]


def _irradiated(picture: Picture, since: datetime) -> bool:
    """Return whether radiotherapy is planned, running, or was given since."""
    for course in _of(picture, "radiotherapy"):
        begun, ended = course.get("started"), course.get("ended")
        if course.is_active or (begun is not None and (ended is None or ended.done_at >= since)):
            return True
    return False


def _latest(picture: Picture, name: str) -> Fact | None:
    """Return the last assessment that states *name*."""
    stating = [one for one in picture.history.standing("assessed") if name in one.values]
    return stating[-1] if stating else None


def _contraindications(picture: Picture) -> list[tuple[datetime, str]]:
    """Return what speaks against surgery, and since when."""
    found = []
    if picture.lymphoma is not None:
        found.append((picture.lymphoma.start_at, "lymphoma"))
    paralysed_at = _since(picture, "paraplegia_h", _is_paralysed_too_long)
    if paralysed_at is not None:
        found.append((paralysed_at, "paraplegia for too long"))
    expected_at = _since(picture, "life_expectancy_months", _is_expected_too_short)
    if expected_at is not None:
        found.append((expected_at, "life expectancy too short"))
    return found


def _since(
    picture: Picture, name: str, speaks_against: Callable[[float, Policy], bool]
) -> datetime | None:
    """Return since when all assessments that state *name* speak against surgery; None: the last does not."""
    since: datetime | None = None
    for one in picture.history.standing("assessed"):
        if name in one.values:
            is_against = speaks_against(one.values[name], picture.where.policy_of(one))
            since = (since or one.start_at) if is_against else None
    return since


def _is_paralysed_too_long(hours: float, policy: Policy) -> bool:
    return timedelta(hours=hours) > policy.paraplegia_over


def _is_expected_too_short(months: float, policy: Policy) -> bool:
    return months < policy.surgery_from_months


def _indicated(picture: Picture) -> Sequence[Fact]:
    return [
        one
        for one in picture.history.standing("assessed")
        if one.values.get("surgical_indications")
    ]


def _regimen(picture: Picture, policy: Policy) -> str:
    """Return what regimens come into question, without saying why for this patient."""
    named = ["hypofractionated is the approach of choice"]
    expected = _latest(picture, "life_expectancy_months")
    if expected and expected.values["life_expectancy_months"] >= policy.prolonged_from_months:
        named.append("5x4 or 10x3 Gy come into question")
    if policy.stereotactic_offered:
        named.append("stereotactic is offered")
    return ", ".join(named)
