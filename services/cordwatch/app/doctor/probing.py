"""Probes, each on a thread of its own: one that hangs is told of, and waited for no longer."""

from __future__ import annotations

import queue
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, TypeVar

T = TypeVar("T")
CURE_OF_ANY = "mend what else is bad first, then ask again"

State = Literal["good", "bad", "unknown"]

PATIENCE_S = 5.0
"""For all probes together: with what comes before and after, ten seconds are enough for any broker."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found; never more than names of settings, topics and machines, so that it may be pasted."""

    state: State
    found: str
    cure: str = ""
    """What mends it, as a command or a place to look; empty where nothing is to be mended."""


Probe = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class Called:
    """How the doctor was called: what it says to run is told the same, so that it can be run as it is printed."""

    everywhere: tuple[str, ...] = ()
    """Options of every command that were given on the command line; those of the environment are still there."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Those of the doctor that other commands have too, by their names."""

    def command(self, *words: str, handing_on: Sequence[str] = ()) -> str:
        """Return what to type; of the doctor's own options it gets those of *handing_on* that were given."""
        more = [part for name in handing_on if name in self.own for part in (name, self.own[name])]
        return command(*self.everywhere, *words, *more)


def command(*words: str) -> str:
    """Return a command of ours that asks no broker, as one types it."""
    return shlex.join(("cordwatch", *words))


def once(ask: Callable[[], T]) -> Callable[[], T]:
    """Return *ask* for several probes: whoever needs its answer first asks, the others wait for the same one."""
    lock, answer = threading.Lock(), Future[T]()

    def answered() -> T:
        with lock:
            if not answer.done():
                try:
                    answer.set_result(ask())
                except Exception as error:  # noqa: BLE001 - each probe raises it, and says so
                    answer.set_exception(error)
        return answer.result()

    return answered


def good(found: str) -> Finding:
    """Return that all is as it should be."""
    return Finding("good", found)


def unknown(why: str) -> Finding:
    """Return that nobody looked, and why: that is no sign of health."""
    return Finding("unknown", why)


def probed(probes: Mapping[str, Probe], patience_s: float = PATIENCE_S) -> dict[str, Finding]:
    """Return what each of *probes* found, in their order; who has not answered in time is unknown."""
    answers: queue.Queue[tuple[str, Finding]] = queue.Queue()

    def ask(name: str, probe: Probe) -> None:
        try:
            answers.put((name, probe()))
        except Exception as error:  # noqa: BLE001 - a probe that breaks must not hide the others
            answers.put((name, Finding("bad", _said(error), CURE_OF_ANY)))

    for name, probe in probes.items():
        threading.Thread(target=ask, args=(name, probe), name=name, daemon=True).start()
    found: dict[str, Finding] = {}
    end = time.monotonic() + patience_s
    while len(found) < len(probes):
        try:
            name, finding = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[name] = finding
    late = unknown(f"no answer within {patience_s:g} s")
    return {name: found.get(name, late) for name in probes}


def _said(error: Exception) -> str:
    """Return what our own errors say for people, and of any other no more than its kind: it may quote what it read."""
    ours = type(error).__module__.startswith("cordwatch")
    return str(error).splitlines()[0] if ours and str(error) else f"failed: {type(error).__name__}"


def all_good(findings: Sequence[Finding]) -> bool:
    """Return whether nothing is bad; what nobody could look at does not count."""
    return all(one.state != "bad" for one in findings)
