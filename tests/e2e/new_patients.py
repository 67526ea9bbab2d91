"""Patients who come in while something is broken: told of over MLLP, paged, on the board, scanned, and left alone again."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Final

from cordwatch.app.commands.source_options import key_of
from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.references import References
from cordwatch.feeds.source import Source
from cordwatch.pager.lane import dedup_key
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.base import Event
from tests.builders import a_suspicion, an_mri_done
from tests.e2e.as_hl7 import as_hl7
from tests.e2e.compose import Deployment
from tests.e2e.test_deployment import asked, told

RULE: Final = "mri.mescc-suspected"
WHO: Final = (("responsible-physician", "physicians"), ("mscc-coordinator", "coordinator"))
"""Whose phones ring, by deploy/compose/pager-plan.yaml."""
WITHIN: Final = timedelta(hours=12)
"""The MRI must be: who was suspected so long ago is due now, which no calm of the pager holds back, and overdue in 15 min."""
ROUNDS: Final = range(1, 4)
ANSWER_S_MAX: Final = 10
"""After so long a sender takes it that no answer comes, hangs up, and tries again."""
TRIES_MAX: Final = 75


class Patients:
    """Several, since the workers of watch share them: whoever is broken has one of them."""

    def __init__(self, made: Deployment, count: int = 6) -> None:
        """Choose numbers that nobody has had; nothing is told of anybody yet."""
        self._made = made
        self._numbers = [f"N{secrets.token_hex(5)}" for _ in range(count)]
        source = Source(references=References(key_of(made.keys / "reference-key")))
        self._references = {source.reference("p", one) for one in self._numbers}
        now = WallClock().now()
        self._suspicions = messages(
            a_suspicion(now - WITHIN, received_at=now, patient=one) for one in self._numbers
        )

    def are_suspected(self) -> None:
        """Tell of each that MESCC is suspected, as often as it takes until the gateway says that this is kept."""
        self._told(self._suspicions)

    def are_acknowledged(self) -> bool:
        """Tell the same of each, once; return whether the gateway says of all that it is kept."""
        return all(is_kept(self._made, one) for one in self._suspicions)

    def are_scanned(self) -> None:
        """Tell of each the MRI that was asked for."""
        now = WallClock().now()
        done = (an_mri_done(now, order=f"O{one}", patient=one) for one in self._numbers)
        self._told(messages(done))

    def are_told_of(self) -> bool:
        """Return whether each is on the board, and somebody is told of each by one alert that rings."""
        alerts = self._alerts()
        with suppress(OSError):
            return self._on_the_board() == self._references == alerts.keys() and all(
                len(ids) == 1 and self._rings(ids) for ids in alerts.values()
            )
        return False

    def are_left_alone(self) -> bool:
        """Return whether nobody is told of any of them any more, and no clock of theirs runs."""
        ids = set().union(*self._alerts().values())
        with suppress(OSError):
            return not self._on_the_board() and not self._rings(ids)
        return False

    def _alerts(self) -> dict[str, set[str]]:
        """Return by patient what was ever raised as due."""
        found: dict[str, set[str]] = {}
        for one in told(self._made):
            if one["patient"] in self._references and one["level"] == "due":
                found.setdefault(one["patient"], set()).add(one["alert_id"])
        return found

    def _rings(self, alerts: Iterable[str]) -> bool:
        """Return whether any phone rings for one of *alerts*."""
        ringing = {
            one["labels"]["page"] for one in asked(self._made.at["phones"], "/api/v2/alerts")
        }
        return any(
            dedup_key(alert, number, *who) in ringing
            for alert in alerts
            for number in ROUNDS
            for who in WHO
        )

    def _on_the_board(self) -> set[str]:
        clocks = asked(self._made.at["door"], "/api/clocks")["clocks"]
        asking = {one["patient"] for one in clocks if one["rule"] == RULE}
        return asking & self._references

    def _told(self, found: list[bytes]) -> None:
        pause = threading.Event()
        for message in found:
            for _ in range(TRIES_MAX):
                if is_kept(self._made, message):
                    break
                pause.wait(1)
            else:
                raise AssertionError("the gateway never said that a message is kept")


def messages(events: Iterable[Event]) -> list[bytes]:
    """Return a message of each, with a control id that no other has."""
    return [
        as_hl7([one]).replace(b"|W0001|", f"|W{secrets.token_hex(6)}|".encode()) for one in events
    ]


def is_kept(made: Deployment, message: bytes) -> bool:
    """Send a message; return whether it was acknowledged. Without an answer there is a doubt, and it must be sent again."""
    host, port = made.at["feeds"].split(":")
    said = b""
    with suppress(OSError), ExitStack() as ends:
        one = ends.enter_context(socket.create_connection((host, int(port)), ANSWER_S_MAX))
        if (tls := made.as_sender()) is not None:
            one = ends.enter_context(tls.wrap_socket(one, server_hostname="localhost"))
        one.sendall(frame(message))
        while b"\x1c" not in said and (read := one.recv(4_096)):
            said += read
    return b"MSA|AA|" in said
