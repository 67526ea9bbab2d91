"""What webhooks and silences say, and when it is believed."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cordwatch.pager.inlets import pagerduty, standard
from cordwatch.pager.inlets.heard import (
    NO_PATIENT,
    REMEMBERED,
    NotHeard,
    Said,
    answer_of,
    event_id_of,
)
from cordwatch.pager.inlets.silences import seen_in
from cordwatch.pager.transports.alertmanager import KEY_LABEL, labels_of
from cordwatch.pager.transports.transport import Page
from cordwatch_schemas.acknowledgements import Acknowledged, Unacknowledged
from tests.unit.pager.answering import (
    CANARY,
    KEY,
    NOW,
    PAGED,
    PAGERDUTY_SECRET,
    PATIENT,
    WEBHOOK_SECRET,
    a_message,
    an_incident,
    as_body,
    find,
    headers_of,
    signed,
)

BODY = as_body(an_incident())
KEYS = standard.keys_of([WEBHOOK_SECRET])
# The example of the specification's own libraries.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_AT = datetime.fromtimestamp(1614265330, UTC)
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def because(*arguments: Any, of: Any) -> str:
    """Return why nothing comes of it."""
    with pytest.raises(NotHeard) as told:
        of(*arguments)
    assert CANARY not in str(told.value)
    return told.value.because


# --- PagerDuty


@pytest.mark.parametrize(
    ("signature", "secrets"),
    [
        (signed(BODY, PAGERDUTY_SECRET), [PAGERDUTY_SECRET]),
        (signed(BODY, b"next", PAGERDUTY_SECRET), [PAGERDUTY_SECRET]),
        (signed(BODY, b"next"), [PAGERDUTY_SECRET, b"next"]),
        ("v2=abc, " + signed(BODY, b"next"), [b"next"]),
    ],
)
def test_a_signed_webhook_is_believed_also_while_the_secret_changes(
    signature: str, secrets: list[bytes]
) -> None:
    """One good signature of several is enough, of several secrets of ours too."""
    pagerduty.verify(BODY, signature, secrets)
    assert because(BODY + b".", signature, secrets, of=pagerduty.verify) == "signature"


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY + b" ", signed(BODY, PAGERDUTY_SECRET)),
        (BODY.replace(b"N. Jansen", b"N. Jonsen"), signed(BODY, PAGERDUTY_SECRET)),
        (BODY, signed(BODY, b"another")),
        (BODY, signed(BODY, PAGERDUTY_SECRET).removeprefix("v1=")),
        (BODY, signed(BODY, PAGERDUTY_SECRET).replace("v1=", "v2=")),
        (BODY, signed(BODY, PAGERDUTY_SECRET)[:-1]),
        (BODY, "v1="),
        (BODY, "v1=ключ"),
        (BODY, ""),
    ],
)
def test_what_is_not_signed_with_our_secret_is_not_believed(body: bytes, signature: str) -> None:
    """Tampered, of another's key, of another version, cut, or not signed."""
    assert because(body, signature, [PAGERDUTY_SECRET], of=pagerduty.verify) == "signature"


def test_without_a_secret_nobody_is_believed() -> None:
    """Not even who signs with nothing."""
    assert because(BODY, signed(BODY, b""), [], of=pagerduty.verify) == "signature"


def test_an_acknowledgement_names_who_gave_it() -> None:
    """By the person's name in PagerDuty, at the time at which they did it."""
    said = pagerduty.said_of(an_incident())
    answer = answer_of(said, find, NOW)
    assert answer == Acknowledged(
        event_id=event_id_of("pagerduty", "01EVENT"),
        patient=PATIENT,
        by="N. Jansen",
        occurred_at=NOW - timedelta(seconds=29, milliseconds=831),
        received_at=NOW,
        channel="pager",
        alert_id="al_1",
    )


def test_who_resolves_an_incident_has_seen_it_and_no_more() -> None:
    """Only the clinical event ends an alert."""
    answer = answer_of(pagerduty.said_of(an_incident("resolved")), find, NOW)
    assert (answer.kind, getattr(answer, "reason", "")) == ("acknowledged", "resolved in PagerDuty")


def test_an_acknowledgement_that_ran_out_there_is_taken_back() -> None:
    """By whoever did it, or by nobody in person."""
    answer = answer_of(pagerduty.said_of(an_incident("unacknowledged", agent=None)), find, NOW)
    assert isinstance(answer, Unacknowledged)
    assert (answer.by, answer.alert_id) == ("PagerDuty", "al_1")


@pytest.mark.parametrize("kind", ["acknowledged", "resolved"])
@pytest.mark.parametrize(
    "agent", [None, {"type": "service_reference", "summary": "x"}, "N. Jansen", {}]
)
def test_what_no_person_did_is_no_answer(kind: str, agent: object) -> None:
    """Our own events come back as webhooks: they would acknowledge each other."""
    assert because(an_incident(kind, agent=agent), of=pagerduty.said_of) == "not-an-answer"


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"event": None},
        an_incident(id=None),
        an_incident(id=""),
        an_incident(data={}),
        an_incident(data=None),
        an_incident(data={"incident_key": 7}),
        an_incident(occurred_at=None),
        an_incident(occurred_at="yesterday"),
        an_incident(occurred_at="2026-03-02T01:59:30"),
    ],
)
def test_a_malformed_webhook_is_no_answer(message: object) -> None:
    """Whatever is missing in it; it raises nothing else."""
    assert because(message, of=pagerduty.said_of) == "malformed"


def test_other_events_are_no_answers() -> None:
    """Those of new kinds too."""
    for kind in ("triggered", "escalated", "annotated", "of-tomorrow"):
        assert because(an_incident(kind), of=pagerduty.said_of) == "not-an-answer"


# --- Standard Webhooks


def test_the_vector_of_the_specification_is_believed() -> None:
    """With and without the prefix of the secret, beside signatures of other versions and keys."""
    for secret in (VECTOR_SECRET, VECTOR_SECRET.removeprefix("whsec_")):
        keys = standard.keys_of([secret])
        assert standard.verify(VECTOR_BODY, VECTOR, keys, VECTOR_AT) == VECTOR["webhook-id"]
        other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
        many = " ".join([other, other.replace("v1", "v1a"), VECTOR["webhook-signature"], other])
        headers = VECTOR | {"webhook-signature": many}
        assert standard.verify(VECTOR_BODY, headers, keys, VECTOR_AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": ""},
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "hello"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="},
        {"webhook-signature": VECTOR["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": VECTOR["webhook-signature"].removeprefix("v1,")},
    ],
)
def test_a_vector_that_was_changed_is_not_believed(changes: dict[str, str]) -> None:
    """Id, time and body are all signed."""
    keys = standard.keys_of([VECTOR_SECRET])
    arguments = (VECTOR_BODY, VECTOR | changes, keys, VECTOR_AT)
    assert because(*arguments, of=standard.verify) == "signature"
    arguments = (VECTOR_BODY + b" ", VECTOR, keys, VECTOR_AT)
    assert because(*arguments, of=standard.verify) == "signature"


@pytest.mark.parametrize(
    ("off_s", "good"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_message_of_another_time_may_be_a_replay(off_s: int, good: bool) -> None:
    """Five minutes, in the past and in the future."""
    keys = standard.keys_of([VECTOR_SECRET])
    now = VECTOR_AT + timedelta(seconds=off_s)
    if good:
        assert standard.verify(VECTOR_BODY, VECTOR, keys, now)
    else:
        assert because(VECTOR_BODY, VECTOR, keys, now, of=standard.verify) == "stale"


def test_a_signed_time_that_is_none_is_malformed() -> None:
    """Signed or not, it is compared with nothing."""
    body = b"{}"
    for stamp in ("9" * 30, "1e3"):
        headers = headers_of(body)
        key = KEYS[0]
        text = f"msg_1.{stamp}.".encode() + body
        signature = base64.b64encode(hmac.new(key, text, "sha256").digest()).decode()
        headers |= {"webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
        assert because(body, headers, KEYS, NOW, of=standard.verify) == "malformed"


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_YWJj", "whsec_not base64!", "whsec_" + "A" * 92]
)
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    """Too short, too long, not base64; without telling it."""
    with pytest.raises(ValueError, match=r"^a secret (is whsec_ and base64|holds 24 to 64 bytes)$"):
        standard.keys_of([secret])


def test_an_answer_by_webhook_is_one_like_any_other() -> None:
    """With name and reason, on the channel of webhooks."""
    answer = answer_of(standard.said_of(a_message(), "msg_1"), find, NOW)
    assert isinstance(answer, Acknowledged)
    told = (answer.by, answer.reason, answer.channel, answer.patient, answer.alert_id)
    assert told == ("N. Jansen", "on my way", "webhook", PATIENT, "al_1")
    back = answer_of(standard.said_of(a_message("page.unacknowledged"), "msg_2"), find, NOW)
    assert back.kind == "unacknowledged"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ([], "malformed"),
        ({}, "malformed"),
        (a_message() | {"data": None}, "malformed"),
        (a_message() | {"timestamp": "now"}, "malformed"),
        (a_message(dedup_key=None), "malformed"),
        (a_message(by=" "), "malformed"),
        (a_message("page.exploded"), "not-an-answer"),
    ],
)
def test_a_malformed_message_is_no_answer(message: object, told: str) -> None:
    """Nobody answers without a name."""
    assert because(message, "msg_1", of=standard.said_of) == told


# --- what is common to all


SAID = Said("webhook", "msg_1", KEY, "N. Jansen", NOW)


def test_an_answer_about_no_page_of_ours_is_none() -> None:
    """An incident that somebody made by hand, or one long over."""
    assert because(replace(SAID, dedup_key="x"), find, NOW, of=answer_of) == "unknown-page"


def test_an_answer_older_than_what_is_remembered_is_not_taken() -> None:
    """PagerDuty signs no time: what is older could be told again for ever."""
    assert answer_of(replace(SAID, at=NOW - REMEMBERED), find, NOW)
    older = replace(SAID, at=NOW - REMEMBERED - timedelta(seconds=1))
    assert because(older, find, NOW, of=answer_of) == "stale"


def test_long_texts_are_cut_and_a_clock_ahead_is_not_believed() -> None:
    """So that the contract always takes it."""
    said = replace(SAID, by="n" * 500, reason="r" * 500, at=NOW + timedelta(hours=3))
    answer = answer_of(said, find, NOW)
    assert isinstance(answer, Acknowledged)
    assert (len(answer.by), len(answer.reason or ""), answer.occurred_at) == (120, 200, NOW)


def test_a_matter_about_no_patient_can_be_answered_too() -> None:
    """A silent feed is nobody's; the contract wants a reference."""
    matter = find(KEY)
    assert matter is not None
    answer = answer_of(SAID, lambda _: matter.model_copy(update={"patient": None}), NOW)
    assert answer.patient == NO_PATIENT


# --- silences


def a_silence(*matchers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a silence as Alertmanager's API gives it, of one page by its key."""
    exact = {"name": KEY_LABEL, "value": KEY, "isRegex": False, "isEqual": True}
    silence = {
        "id": "5c3a",
        "status": {"state": "active"},
        "createdBy": "n.jansen",
        "comment": "seen, " + "x" * 300,
        "startsAt": "2026-03-02T01:30:00.000Z",
        "updatedAt": "2026-03-02T01:30:00.123456789Z",
        "endsAt": "2026-03-02T03:30:00.000Z",
        "matchers": [exact, *matchers],
    }
    return silence | changes


def test_a_silence_of_a_page_is_seen_by_who_made_it_until_its_end() -> None:
    """With the comment, cut; the silence is as Alertmanager's own form fills it in, from all labels."""
    page = Page("tell", KEY, PAGED, "ward-physician", 1, 1, NOW)
    labels = labels_of(page, {"team": "haematology"})
    matchers = [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()]
    (said,) = seen_in([a_silence(matchers=matchers)], NOW)
    answer = answer_of(said, find, NOW)
    assert isinstance(answer, Acknowledged)
    assert (answer.by, answer.channel, len(answer.reason or "")) == ("n.jansen", "pager", 200)
    assert answer.until == NOW + timedelta(minutes=90)


@pytest.mark.parametrize(
    "silence",
    [
        a_silence(status={"state": "expired"}),
        a_silence(status={"state": "pending"}),
        a_silence(status=None),
        a_silence(endsAt="2026-03-02T02:00:00Z"),
        a_silence(endsAt=None),
        a_silence(createdBy=""),
        a_silence(id=None),
        a_silence(matchers=None),
        a_silence(matchers=[{"name": "ward", "value": "HAEM-4", "isRegex": False}]),
        a_silence({"name": "ward", "value": "HAEM-.*", "isRegex": True}),
        a_silence({"name": "ward", "value": "ICU", "isRegex": False, "isEqual": False}),
        a_silence(matchers=[{"name": KEY_LABEL, "value": ".*", "isRegex": True}]),
        "silence",
        None,
    ],
)
def test_a_silence_that_names_no_page_is_nobodys_word_on_a_patient(silence: object) -> None:
    """Over, to come, of a whole ward, or unsigned."""
    assert list(seen_in([silence], NOW)) == []


def test_a_silence_that_is_extended_is_another_answer_and_otherwise_the_same() -> None:
    """However often it is read."""
    numbers = [
        said.number
        for silence in (a_silence(), a_silence(), a_silence(endsAt="2026-03-02T05:00:00Z"))
        for said in seen_in([silence], NOW)
    ]
    assert numbers[0] == numbers[1] != numbers[2]
    assert list(seen_in({"error": "x"}, NOW)) == []
