"""What there is to know of Kafka: name, door, certificates, rights, topics, groups, disk."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509

from cordwatch.app.doctor.probing import (
    Called,
    Finding,
    Probe,
    command,
    good,
    once,
    probed,
    unknown,
)
from cordwatch.feeds.key_in_use import read_references
from cordwatch.feeds.references import References
from cordwatch.feeds.trouble.operations import operational_alerts
from cordwatch.runtime import topics_admin
from cordwatch.runtime.group_progress import group_progress
from cordwatch.runtime.kafka import KafkaSettings, MissingTopics, admin_client, require_topics
from cordwatch.runtime.kafka_access import require_access
from cordwatch.runtime.kafka_faults import GroupsUnknown
from cordwatch.runtime.kafka_refusals import KafkaRefused
from cordwatch.runtime.kafka_security import BadSecurity, tls_context
from cordwatch.runtime.knocking import places_of, require_entry
from cordwatch_schemas.access import ACCESS, PAGER_GROUP, WATCH_GROUP
from cordwatch_schemas.reference_keys import KeyInUse
from cordwatch_schemas.topics import ALERTS, DAY_S, REFERENCES, WATCHED

CONNECT_S = 2.0
DAYS_LEFT_MIN = 21
"""A certificate is renewed before it is urgent."""
FREE_SHARE_MIN = 0.15
STEPS_SHOWN = 3
SECURITY_PAGE = "docs/kafka-security.md"
KEYS_PAGE = "docs/keys.md"

Plan = Callable[[], Sequence[topics_admin.Step]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the broker is measured by."""

    copies: int
    service: str
    """Whose rights are looked at."""
    now: datetime
    called: Called
    key: Path | None = None
    """The file with the key for references, where it was named."""


def names(kafka: KafkaSettings) -> Finding:
    """Look up every broker's name."""
    lost = [host for host, port in places_of(kafka.address) if not _looked_up(host, port)]
    if lost:
        cure = "mend the name in --kafka, or DNS of this host"
        return Finding("bad", f"no address for {', '.join(lost)}", cure)
    return good(f"{len(places_of(kafka.address))} names have addresses")


def door(kafka: KafkaSettings) -> tuple[Finding, bool]:
    """Connect to every broker, all at once; return what was found, and whether anybody answers."""
    tried = {
        f"{host}:{port}": partial(_connect, host, port) for host, port in places_of(kafka.address)
    }
    found = probed(tried, 2 * CONNECT_S)
    closed = [name for name, one in found.items() if one.state != "good"]
    if len(closed) == len(found):
        cure = "start the broker, or mend --kafka, or let this host through"
        return Finding("bad", f"nobody answers at {', '.join(closed)}", cure), False
    if closed:
        return Finding("bad", f"no answer at {', '.join(closed)}", "start this broker"), True
    return good(f"{len(found)} answer"), True


def _looked_up(host: str, port: int) -> bool:
    try:
        return bool(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False


def _connect(host: str, port: int) -> Finding:
    socket.create_connection((host, port), CONNECT_S).close()
    return good("answers")


def probes(kafka: KafkaSettings, asked: Asked) -> dict[str, Probe]:
    """Return what to ask a broker that answers."""
    plan = once(partial(topics_admin.plan, kafka, asked.copies))
    return {
        "kafka entry": partial(_entry, kafka),
        "kafka certificates": partial(_certificates, kafka, asked.now),
        "kafka rights": partial(_rights, kafka, asked.service),
        "topics": partial(_topics, plan, asked.called),
        "key in use": partial(_key_in_use, kafka, asked.key),
        "retention": partial(_retention, plan, asked.called),
        "kafka disk": partial(_disk, kafka),
        "watch": partial(_watch, kafka, asked.called),
        "pager group": partial(_pager, kafka, asked.called),
        "feeds": partial(_feeds, kafka, asked.called),
    }


def _entry(kafka: KafkaSettings) -> Finding:
    try:
        require_entry(kafka.address, kafka.security)
        with admin_client(kafka) as admin:
            count = len(admin.list_topics())
    except (KafkaRefused, BadSecurity) as error:
        return Finding("bad", str(error).splitlines()[0], f"see {SECURITY_PAGE}")
    return good(f"it lets us in ({kafka.security.protocol}), and has {count} topics")


def _certificates(kafka: KafkaSettings, now: datetime) -> Finding:
    if not kafka.security.is_secret:
        return unknown("Kafka is spoken to in the clear: there are none")
    ends: list[tuple[str, datetime]] = []
    if kafka.security.cert is not None:
        own = x509.load_pem_x509_certificate(kafka.security.cert.read_bytes())
        ends.append(("ours (kafka-cert)", own.not_valid_after_utc))
    context = tls_context(kafka.security)
    for host, port in places_of(kafka.address):
        try:
            with (
                socket.create_connection((host, port), CONNECT_S) as plain,
                context.wrap_socket(plain, server_hostname=host) as secret,
            ):
                shown = secret.getpeercert(binary_form=True)
        except (OSError, ssl.SSLError):
            continue
        if shown:
            ends.append(
                (f"{host}:{port}", x509.load_der_x509_certificate(shown).not_valid_after_utc)
            )
    left = [(name, int((end - now).total_seconds() // DAY_S)) for name, end in ends]
    told = ", ".join(f"{name} {days} days" for name, days in left)
    if not left:
        return Finding("bad", "no broker shows one that we trust", f"see {SECURITY_PAGE}")
    if min(days for _, days in left) < DAYS_LEFT_MIN:
        return Finding(
            "bad",
            f"left: {told}",
            "renew it: new files count from the next connection, a broker reads its own at its start",
        )
    return good(f"left: {told}")


def _rights(kafka: KafkaSettings, service: str) -> Finding:
    access = next(one for one in ACCESS if one.service == service)
    try:
        require_access(kafka, access)
    except KafkaRefused as error:
        cure = (
            f"{command('topics', 'acls', service)}  # whoever administers Kafka runs what it prints"
        )
        return Finding("bad", str(error).splitlines()[0], cure)
    what = "may do" if kafka.security.is_secret else "may do, as anybody who comes,"
    return good(f"we {what} all that `{service}` does")


def _topics(plan: Plan, called: Called) -> Finding:
    off = [one for one in plan() if one.action != "none"]
    if off:
        return Finding("bad", _steps(off), _cure(plan(), called))
    return good("as the registry has them")


def _key_in_use(kafka: KafkaSettings, key: Path | None) -> Finding:
    try:
        require_topics(kafka, (REFERENCES,))
    except MissingTopics:
        return unknown("its topic is not there")
    mark = read_references(kafka).mark
    if mark is None:
        return unknown("no gateway has begun yet: the first one marks its key")
    known = f"patients are known by the key {mark.fingerprint[:8]}"
    try:
        return _compared(mark, known, key.read_bytes()) if key else unknown(f"{known}: name ours")
    except OSError:
        return unknown(f"{known}; ours cannot be read")


def _compared(mark: KeyInUse, known: str, key: bytes) -> Finding:
    own = References(key.strip()).fingerprint
    if own == mark.fingerprint:
        return good(f"{known}, which is ours")
    if own == mark.former:
        cure = "put the present key in its place"
        return Finding("bad", f"{known}; ours is the one before it", cure)
    return Finding("bad", f"{known}, and ours is {own[:8]}", f"put that key back; {KEYS_PAGE}")


def _cure(steps: Sequence[topics_admin.Step], called: Called) -> str:
    """Return what mends topics; no command where it would do half, and set that half by copies that may not be meant."""
    if any(one.action == "refuse" for one in steps):
        return f"what only a person may do: {SECURITY_PAGE}#topics"
    return called.command("topics", "apply", handing_on=["--replication"])


def _steps(steps: Sequence[topics_admin.Step]) -> str:
    told = [f"{one.topic}: {one.detail}" for one in steps[:STEPS_SHOWN]]
    more = [f"{len(steps) - STEPS_SHOWN} more"] if len(steps) > STEPS_SHOWN else []
    return "; ".join(told + more)


def _retention(plan: Plan, called: Called) -> Finding:
    short = [one for one in plan() if one.action == "alter" and "retention.ms" in one.detail]
    if short:
        return Finding("bad", _steps(short), _cure(plan(), called))
    if any(one.action == "create" for one in plan()):
        return unknown("what is not there keeps nothing")
    hours = min(one.retention_s for one in WATCHED) // 3_600
    return good(f"what watch has not read is kept for {hours} hours at least")


def _disk(kafka: KafkaSettings) -> Finding:
    with admin_client(kafka) as admin:
        told = admin.describe_log_dirs([ALERTS.name])
    shares = [
        one["usable_bytes"] / one["total_bytes"]
        for broker in told
        for one in broker["log_dirs"]
        if one.get("total_bytes", -1) > 0
    ]
    if not shares:
        return unknown("the broker does not say how full its disk is")
    found = f"{min(shares):.0%} of the fullest disk is free"
    if min(shares) < FREE_SHARE_MIN:
        return Finding(
            "bad", found, "give the broker more room: a full disk stops every acknowledgement"
        )
    return good(found)


def _watch(kafka: KafkaSettings, called: Called) -> Finding:
    try:
        found = group_progress(kafka, WATCH_GROUP, [one.name for one in WATCHED])
    except GroupsUnknown as error:
        return unknown(str(error))
    if not found.is_running:
        cure = called.command("watch", handing_on=["--pack"])
        return Finding("bad", "no worker runs: nobody is watched", cure)
    unread = ", ".join(f"{count} of {topic}" for topic, count in found.unread)
    return good(f"it runs, {f'and has to read {unread}' if unread else 'and has read everything'}")


def _pager(kafka: KafkaSettings, called: Called) -> Finding:
    try:
        is_running = group_progress(kafka, PAGER_GROUP, [ALERTS.name]).is_running
    except GroupsUnknown as error:
        return unknown(str(error))
    if is_running:
        return good("it runs")
    cure = called.command("pager", "run", handing_on=["--plan", "--pack"])
    unnamed = "" if "--plan" in called.own else " --plan PLAN  # docs/pager-plan.md"
    return Finding("bad", "no pager runs: nobody is told", cure + unnamed)


def _feeds(kafka: KafkaSettings, called: Called) -> Finding:
    open_ = [one for one in operational_alerts(kafka) if one.status == "open"]
    if open_:
        kinds: Sequence[str] = sorted({one.kind for one in open_})
        return Finding(
            "bad", f"{len(open_)} open: {', '.join(kinds)}", called.command("operations")
        )
    return good("no feed is silent, quarantine is as usual")
