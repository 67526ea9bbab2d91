"""Ten thousand matters that nobody would write: every transport's body is valid, and within its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest

from cordwatch.pager.text import Text, Wording, text_of
from cordwatch.pager.transports import settings as of
from cordwatch.pager.transports.acm import message_of as acm_message
from cordwatch.pager.transports.alertmanager import alert_of
from cordwatch.pager.transports.email import raw_mail
from cordwatch.pager.transports.pagerduty import event_of as pagerduty_event
from cordwatch.pager.transports.pagerduty import fitting
from cordwatch.pager.transports.rooms import slack_text, teams_card
from cordwatch.pager.transports.transport import Action, Page
from cordwatch.pager.transports.webhook import event_of as cloud_event
from cordwatch_schemas.alerts import AlertStatus, Level, Severity
from cordwatch_schemas.pages import Matter, MatterKind
from tests.pager.pagerduty_rules import PagerDutyRules

SEED = 20_261_125
MATTERS, PARTS = 10_000, 4
T0 = datetime(2026, 11, 25, 2, 40, tzinfo=UTC)
KEY = "k" * 32
ALPHABETS = (
    "abc 123",
    "äöüßéñç ",
    "שלום مرحبا ",
    "नमस्ते ",
    "㍿漢字",
    "🦴👩‍⚕️🇳🇱",
    "\r\n\t\x00\x0b\x1c\u2028\u202e",
    "<>&|^~\\[]()*_`\"'{}%$#@!:;",
)
EMAIL = of.Email(
    kind="email", host="localhost", security="none", sender="c@h.example", to=("w@h.example",)
)
ACM = of.Acm(kind="acm", host="localhost", port=2575)
PROMETHEUS = of.Alertmanager(kind="alertmanager", urls=("http://localhost:9093",))


HEADERS = frozenset(
    {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
        "Auto-Submitted", "Importance", "X-Priority", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version",
    }
)  # fmt: skip


class Author:
    """Writes matters by a seed."""

    def __init__(self, seed: int) -> None:
        """Begin anew."""
        self._random = Random(seed)

    def words(self, limit: int) -> str:
        """Return a text of up to *limit* code points, often as long as it may be."""
        length = limit if self._random.random() < 0.2 else self._random.randint(0, limit)
        alphabets = "".join(self._random.sample(ALPHABETS, self._random.randint(1, 3)))
        return "".join(self._random.choices(alphabets, k=length))

    def some(self, limit: int) -> tuple[str, ...]:
        """Return a few texts."""
        return tuple(self.words(limit) for _ in range(self._random.randint(0, 8)))

    def instant(self) -> datetime:
        """Return an instant within years of now."""
        return T0 + timedelta(seconds=self._random.randint(-(10**8), 10**8))

    def matter(self) -> Matter:
        """Return a matter of any kind; built as one that a newer version wrote might be read."""
        kind = self._random.choice(get_args(MatterKind))
        return Matter.model_construct(
            alert_id=self.words(199) or "x",
            kind=kind,
            rule=self.words(200) or "x",
            group=self.words(199) or "x",
            level=self._random.choice(get_args(Level)) if kind == "clock" else None,
            repeat=self._random.randint(0, 99),
            severity=self._random.choice(get_args(Severity)),
            paged=True,
            replayed=False,
            data_stale=self._random.random() < 0.3,
            status=self._random.choice(get_args(AlertStatus)),
            revision=self._random.randint(0, 9),
            patient=self.words(80) if self._random.random() < 0.8 else None,
            facility=self.words(200) if self._random.random() < 0.8 else None,
            ward=self.words(200) if self._random.random() < 0.8 else None,
            start_at=self.instant(),
            due_at=self.instant() if self._random.random() < 0.8 else None,
            raised_at=self.instant(),
            ended_at=self.instant() if self._random.random() < 0.5 else None,
            reason=self.words(self._random.choice((20, 300, 5_000))),
            missing=self.some(200),
            flags=self.some(200),
            clause=self.words(200),
            pack=self.words(200),
        )

    def page(self) -> Page:
        """Return a page about one."""
        action: Action = self._random.choice(("tell", "acknowledge", "close"))
        return Page(
            action=action,
            dedup_key=f"cw1:{self._random.getrandbits(160):040x}",
            matter=self.matter(),
            role=self.words(60) or "x",
            round=self._random.randint(1, 40),
            attempt=1,
            at=T0,
            note=self.words(200),
        )

    def wording(self) -> Wording:
        """Return what some hospital says of texts."""
        return Wording(
            self._random.choice(("UTC", "Europe/Amsterdam", "Asia/Kathmandu")),
            self._random.choice((None, "https://board.example/cordwatch")),
            show_ward=self._random.random() < 0.5,
            show_reference=self._random.random() < 0.5,
        )


def faults(page: Page, wording: Wording) -> Iterator[str]:
    """Yield what a receiver of each kind would refuse."""
    text = text_of(page, wording)
    yield from _pagerduty(page, wording)
    yield from _alertmanager(page, wording)
    yield from _mail(page, wording)
    yield from _acm(page, wording)
    yield from _rooms(text)
    event = cloud_event(page, wording)
    if len(_raw(event)) > 64 * 1024 or any(not isinstance(event[k], str) for k in ("id", "time")):
        yield "webhook"
    if len(text.title) > 200 or "\n" in text.title or "\r" in text.title:
        yield "title"


def _raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _pagerduty(page: Page, wording: Wording) -> Iterator[str]:
    rules = PagerDutyRules(per_minute=None)
    status, _, answer = rules.receive(fitting(pagerduty_event(page, KEY, wording)), T0)
    if status != 202 or answer["dedup_key"] != page.dedup_key:
        yield f"pagerduty {status} {answer.get('errors')}"


def _alertmanager(page: Page, wording: Wording) -> Iterator[str]:
    alert = json.loads(_raw(alert_of(page, PROMETHEUS, wording)))
    begun, over = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    if over < begun or (page.action == "close" and over > page.at):
        yield "alertmanager: times"
    if not all(isinstance(one, str) and one for one in alert["labels"].values()):
        yield "alertmanager: labels"


def _mail(page: Page, wording: Wording) -> Iterator[str]:
    raw = raw_mail(page, EMAIL, wording)
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        yield "mail: a line is too long"
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"")
    if {line.partition(b":")[0].decode() for line in head.split(b"\r\n")} - HEADERS:
        yield "mail: another header"


def _acm(page: Page, wording: Wording) -> Iterator[str]:
    raw = acm_message(page, ACM, wording)
    names = [line[:3] for line in raw.split(b"\r") if line]
    if [one for one in names if one != b"PV1"] != [b"MSH", b"OBR", *[b"OBX"] * 5]:
        yield "acm: segments"
    words = raw[raw.index(b"\rOBX|1|") :].decode().split("|")[5]
    if len(words) > 3 * 250:
        yield "acm: text"


def _rooms(text: Text) -> Iterator[str]:
    if len(slack_text(text)) > 40_000 or "<" in slack_text(text):
        yield "slack"
    if len(_raw(teams_card(text))) > 28 * 1024:
        yield "teams"


@pytest.mark.parametrize("part", range(PARTS))
def test_every_body_is_valid_and_within_limits(part: int) -> None:
    """Many bytes a character, control marks, long, empty, of another version: nothing is refused for its form."""
    author = Author(SEED + part)
    found = {
        (number, fault)
        for number in range(MATTERS // PARTS)
        for fault in faults(author.page(), author.wording())
    }
    assert sorted(found)[:5] == []


def test_the_check_can_tell() -> None:
    """A body too long, and a header from outside, are seen."""
    page = Author(1).page()
    broken = Text("x" * 201, (), None)
    assert list(_rooms(Text("x", (), "https://b.example/" + "y" * 30_000))) == ["teams"]
    assert len(broken.title) > 200
    assert list(faults(page, Wording())) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_writes_the_same(seed: int) -> None:
    """So that a fault can be looked at again."""
    assert Author(seed).page() == Author(seed).page()
