"""RDE, OMP and RAS: what was ordered and what was given, each administration by itself."""

from __future__ import annotations

from typing import Any

from cordwatch.feeds.hl7.message import Segment, Unreadable
from cordwatch.feeds.mapping.orders import OrderGroup, order_state, read_orders
from cordwatch.feeds.mapping.reading import Reading
from cordwatch_schemas import medications as med
from cordwatch_schemas.admissions import RecordRetracted

_HELD = frozenset({"HD"})


def _number(segment: Segment, at: int, reading: Reading) -> float | None:
    text = segment.text(at)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        reading.fault(f"{segment.name}-{at}", "is not a number")
        return None


def _route(group: OrderGroup, drug: Segment) -> str | None:
    """Return the route of *drug*: told behind it, before the next one; else by any of the group."""
    routes = [one for one in group.segments if one.name == "RXR"]
    behind = group.segments[group.segments.index(drug) + 1 :]
    own: list[Segment] = []
    for one in behind:
        if one.name == drug.name and own:
            break
        if one.name == "RXR":
            own.append(one)
    route = next(iter(own or routes), None)
    return (route.text(1) or route.text(1, 2) or None) if route else None


def read_drug_orders(reading: Reading) -> bool:
    """Read RDE or OMP: every ORC group is an order, a change of dose, or a stop."""
    if not reading.identify(reading.message.first("PID")):
        return True
    groups = [OrderGroup(segments) for segments in reading.message.groups("ORC")]
    if not groups:
        reading.fault("ORC", "a drug order without its order segment")
    for group in groups:
        _read_order(reading, group)
    return True


def read_any_orders(reading: Reading) -> bool:
    """Read ORM, in which up to v2.4 drugs are ordered beside everything else."""
    known = read_orders(reading)
    groups = [OrderGroup(segments) for segments in reading.message.groups("ORC")]
    drugs = [group for group in groups if group.one("RXO") and group.request is None]
    if not drugs:
        return known
    if reading.patient or reading.identify(reading.message.first("PID")):
        for group in drugs:
            _read_order(reading, group)
    return True


def _read_order(reading: Reading, group: OrderGroup) -> None:
    encoded, plain = group.one("RXE"), group.one("RXO")
    if encoded is None and plain is None:
        reading.fault("RXE", "a drug order without a drug")
        return
    try:
        _order(reading, group, encoded, plain)
    except Unreadable as error:
        reading.fault(error.field, error.reason)


def _order(
    reading: Reading, group: OrderGroup, encoded: Segment | None, plain: Segment | None
) -> None:
    drug, places = (encoded, (2, 3, 4, 5)) if encoded is not None else (plain, (1, 2, 3, 4))
    common = group.common
    assert drug is not None and common is not None  # noqa: S101, PT018 - the caller looked
    code, low, high, unit = places
    control, status = common.text(1), common.text(5)
    said_at = reading.first_stamp((common, 9))
    fields: dict[str, Any] = {
        "order_number": group.number(2) or group.number(3),
        "codes": reading.coded(drug, code),
        "route": _route(group, drug),
        "dose": _number(drug, low, reading),
        "dose_max": _number(drug, high, reading),
        "dose_unit": drug.text(unit) or None,
        "recorded_at": said_at.at,
    }
    state = order_state(control, status)
    if control in _HELD or status in _HELD or state == "cancelled":
        reading.add(med.MedicationStopped, reading.first_stamp((common, 15), (common, 9)), **fields)
    elif state not in {"cancel-requested", "error"}:
        # Up to v2.4 the timing stands in RXE-1, or in ORC-7 where there is no RXE.
        timing, older = group.timing, (encoded, 1) if encoded is not None else (common, 7)
        frequency = (timing.text(3) if timing else "") or older[0].text(older[1], 2)
        begins = (
            reading.stamp(timing, 7)
            or reading.stamp(*older, 4)
            or reading.first_stamp((common, 15), (common, 9))
        )
        ends = reading.stamp(timing, 8) or reading.stamp(*older, 5)
        reading.add(
            med.MedicationOrdered,
            begins,
            frequency=frequency or None,
            ends_at=ends.latest_at if ends else None,
            **fields,
        )


def read_administrations(reading: Reading) -> bool:
    """Read RAS: each RXA is counted by itself; a deleted one is retracted."""
    if not reading.identify(reading.message.first("PID")):
        return True
    # Some senders leave out ORC; what was given was given all the same.
    for segments in list(reading.message.groups("ORC")) or [list(reading.message.segments)]:
        group = OrderGroup(segments)
        given = [one for one in segments if one.name == "RXA"]
        if not given:
            reading.fault("RXA", "an administration message without an administration")
        for one in given:
            try:
                _administration(reading, group, one)
            except Unreadable as error:
                reading.fault(error.field, error.reason)
    return True


def _administration(reading: Reading, group: OrderGroup, given: Segment) -> None:
    order = group.number(2) or group.number(3)
    record = "/".join((order or "-", given.text(1) or "0", given.text(2) or "0"))
    when = reading.stamp(given, 3)
    if when is None:
        raise Unreadable("RXA-3", "an administration without a time")
    action, status = given.text(21).upper(), given.text(20).upper()
    recorded = {"recorded_at": reading.recorded((given, 22))}
    if action == "D":
        reading.add(
            RecordRetracted, when, target_kind="medication-given", target=record, **recorded
        )
        return
    model: type[med.MedicationGiven | med.MedicationNotGiven]
    if status in {"CP", "PA", ""}:
        model = med.MedicationGiven
    elif status in {"RE", "NA"}:
        model = med.MedicationNotGiven
    else:
        raise Unreadable("RXA-20", "completion status is not known")
    reading.add(
        model,
        when,
        order_number=order,
        record_id=record,
        corrects=record if action == "U" else None,
        codes=reading.coded(given, 5),
        route=_route(group, given),
        dose=_number(given, 6, reading),
        dose_unit=given.text(7) or None,
        **recorded,
    )
