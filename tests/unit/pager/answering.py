"""What answers a page in tests: webhooks as their systems sign them, and a broker that may be slow."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cordwatch.pager.asked import asked
from cordwatch.runtime.kafka import BrokerUnreachable, KafkaError
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.acknowledgements import Answer
from cordwatch_schemas.events import read_answer
from cordwatch_schemas.pack import load_pack
from cordwatch_schemas.pages import Matter

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
KEY = "cw1:0123456789abcdef"
PATIENT = "p_7qk2"
CANARY = "Zebrafinch"
PAGERDUTY_SECRET = b"example-signing-secret"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"an example of thirty-two bytes!!").decode()


def clock() -> WallClock:
    """Return a clock that shows the night of these tests."""
    return WallClock(starts_at=NOW)


PAGED = asked("steroid.start:prompt@HAEM-4", load_pack("mescc-lymphoma"), NOW).model_copy(
    update={"alert_id": "al_1", "patient": PATIENT}
)


def find(dedup_key: str) -> Matter | None:
    """Return the one matter that was paged, by its key."""
    return PAGED if dedup_key == KEY else None


def an_incident(kind: str = "acknowledged", **changes: Any) -> dict[str, Any]:
    """Return a webhook of PagerDuty, shaped as its documentation has it, with a canary wherever a text may stand."""
    event: dict[str, Any] = {
        "id": "01EVENT",
        "event_type": f"incident.{kind}",
        "resource_type": "incident",
        "occurred_at": "2026-03-02T01:59:30.169Z",
        "agent": {"id": "PLH1HKV", "type": "user_reference", "summary": "N. Jansen"},
        "client": {"name": "PagerDuty"},
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "incident_key": KEY,
            "title": f"{CANARY} is overdue",
            "service": {"summary": CANARY},
            "urgency": "high",
        },
    }
    return {"event": event | changes}


def signed(body: bytes, *secrets: bytes) -> str:
    """Return PagerDuty's header for *body*, with a signature for each secret."""
    return ",".join(f"v1={hmac.new(one, body, sha256).hexdigest()}" for one in secrets)


def a_message(kind: str = "page.acknowledged", **data: Any) -> dict[str, Any]:
    """Return an answer by Standard Webhooks."""
    told = {"dedup_key": KEY, "by": "N. Jansen", "reason": "on my way", "note": CANARY} | data
    return {"type": kind, "timestamp": "2026-03-02T01:59:30Z", "data": told}


def headers_of(body: bytes, number: str = "msg_1", at: datetime = NOW) -> dict[str, str]:
    """Return the headers of a Standard Webhook."""
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{number}.{stamp}.".encode() + body, sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature}


def as_body(message: object) -> bytes:
    """Return a message as it travels."""
    return json.dumps(message).encode()


@dataclass
class SlowBroker:
    """Acknowledges each group after a while, or not while it is away."""

    takes_s: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    is_back: threading.Event = field(default_factory=threading.Event)
    groups: int = 0
    refuses: bool = False

    def __post_init__(self) -> None:
        """Begin reachable."""
        self.is_back.set()

    def connect(self) -> SlowBroker:
        """Return itself, once it is there."""
        if not self.is_back.is_set():
            raise BrokerUnreachable("broker", 0)
        return self

    def publish(
        self, records: Sequence[tuple[str, bytes, bytes]], still_waiting: Callable[[], None]
    ) -> list[KafkaError | None]:
        """Take the records, after a while."""
        time.sleep(self.takes_s)
        self.is_back.wait()
        if self.refuses:
            return [KafkaError("no")] * len(records)
        self.groups += 1
        for topic, key, value in records:
            answer = read_answer(value)
            assert (topic, key.decode()) == ("cordwatch.acks.v1", answer.patient)
            self.answers.append(answer)
        return [None] * len(records)

    def close(self) -> None:
        """Let go."""
