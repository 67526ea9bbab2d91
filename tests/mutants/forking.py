"""
`python -m tests.mutants.forking ASKED ANSWERS`: one collection of the tests, and a fork of it for each mutant.

To start pytest and to collect takes longer than the tests that reach one
function. So they are collected once; a first fork runs them all on the sound
core, and says which reach what and how long they take; then every mutant has
a fork of its own, which runs what reaches it up to the first test that fails,
the quick ones first, and sooner what has killed others of its module.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SURVIVED, KILLED, UNREACHED = "survived", "killed", "no test reaches it"
MEMORY_BYTES_MAX = 2 << 30
PATIENCE = 10
"""So many times the time that a test takes on the sound core it has for a mutant before that counts as hanging."""
PATIENCE_S = 5


def _be(mutant: str) -> None:
    """Let every function of the core be the sound one, but for the one that *mutant* changes."""
    # Looked up in the environment it would be anew at each call, which doubles the time of all tests.
    trampoline: Any = import_module("mutmut.mutation.trampoline")
    trampoline.get_mutant_under_test = lambda: mutant


def _failing(session: pytest.Session, items: Sequence[pytest.Item]) -> str | None:
    """Return the first of *items* that does not pass, asking no more after it; None: all pass."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed:
            return item.nodeid
    return None


def _forked(run: Callable[[], bool], cpu_s: int) -> int:
    """Let a fork *run* for at most *cpu_s*, and return its number."""
    number = os.fork()
    if number:
        return number
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    # A mutant that never ends or never stops growing must not take the machine along.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    passed = False
    try:
        passed = run()
    finally:
        os._exit(0 if passed else 1)


@dataclass
class Forking:
    """Plugin: runs the tests that were collected once for each of the mutants *asked*."""

    asked: Sequence[str]
    answers: Path
    workers: int
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each test on the sound core."""
    reached_by: dict[str, list[str]] = field(default_factory=dict)
    """Of each function the tests that call it."""
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many mutants of each module, and of each function, each test has killed so far."""
    became: dict[str, str] = field(default_factory=dict)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of the loop that runs every test once."""
        self._learn(session)
        running: dict[int, str] = {}
        for mutant in self.asked:
            if not self._tests(mutant):
                self.became[mutant] = UNREACHED
                continue
            if len(running) == self.workers:
                self._wait(running)
            running[self._start(session, mutant)] = mutant
        while running:
            self._wait(running)
        self._write()
        return True

    def _learn(self, session: pytest.Session) -> None:
        """Run everything on the sound core, in a fork, so that nothing is remembered here."""
        learnt = self.answers.with_suffix(".learnt")
        number = _forked(lambda: _watched(session, learnt), cpu_s=1_800)
        if os.waitpid(number, 0)[1]:
            raise pytest.UsageError("the tests fail on the sound core")
        said = json.loads(learnt.read_text())
        self.seconds, self.reached_by = said["seconds"], said["reached_by"]

    def _tests(self, mutant: str) -> list[str]:
        return self.reached_by.get(mutant.rpartition("__mutmut_")[0], [])

    def _worst_s(self, mutant: str) -> float:
        return sum(self.seconds[test] for test in self._tests(mutant))

    def _in_order(self, mutant: str) -> list[str]:
        """Return the tests that reach *mutant*: the quick ones first, and sooner what has killed its neighbours."""
        near = _neighbourhoods(mutant)
        return sorted(
            self._tests(mutant),
            key=lambda one: self.seconds[one] / (1 + sum(self.kills[name, one] for name in near)),
        )

    def _start(self, session: pytest.Session, mutant: str) -> int:
        by_id = {item.nodeid: item for item in session.items}
        items = [by_id[test] for test in self._in_order(mutant)]

        def run() -> bool:
            _be(mutant)
            for item in items:
                # Of its own time, whatever else the machine does; when that is over the signal ends the fork.
                own_s = PATIENCE_S + PATIENCE * self.seconds[item.nodeid]
                signal.setitimer(signal.ITIMER_VIRTUAL, own_s)
                failing = _failing(session, [item])
                if failing is not None:
                    self._killer(os.getpid()).write_text(failing)
                    return False
            return True

        return _forked(run, PATIENCE_S + round(PATIENCE * self._worst_s(mutant)))

    def _killer(self, number: int) -> Path:
        return self.answers.with_name(f"killer-{number}")

    def _wait(self, running: dict[int, str]) -> None:
        number, status = os.wait()
        mutant = running.pop(number)
        self.became[mutant] = KILLED if status else SURVIVED
        killer = self._killer(number)
        if killer.exists():
            self.kills.update((name, killer.read_text()) for name in _neighbourhoods(mutant))
            killer.unlink()
        done = len(self.became)
        if done % 20 == 0:
            print(f"{done} of {len(self.asked)}", file=sys.stderr, flush=True)
            self._write()

    def _write(self) -> None:
        self.answers.write_text(json.dumps(self.became))


def _neighbourhoods(mutant: str) -> tuple[str, str]:
    """Return the module and the function of *mutant*."""
    return mutant.rpartition(".")[0], mutant.rpartition("__mutmut_")[0]


def _watched(session: pytest.Session, learnt: Path) -> bool:
    """Run all tests on the sound core, and write down which functions each of them calls."""
    called: set[str] = set()
    trampoline: Any = import_module("mutmut.mutation.trampoline")
    trampoline.record_trampoline_hit = lambda name, caller: called.add(name)
    _be("stats")
    reached_by: dict[str, list[str]] = defaultdict(list)
    seconds: dict[str, float] = {}
    for item in session.items:
        began = time.process_time()
        if _failing(session, [item]) is not None:
            learnt.with_suffix(".failed").write_text(item.nodeid)
            return False
        seconds[item.nodeid] = time.process_time() - began
        for name in called:
            reached_by[name].append(item.nodeid)
        called.clear()
    learnt.write_text(json.dumps({"seconds": seconds, "reached_by": reached_by}))
    return True


def main(asked: str, answers: str, workers: str, *tests: str) -> int:
    """Run the mutants that the file *asked* names, and write what became of each to *answers*."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _be("")
    plugin: Any = Forking(json.loads(Path(asked).read_text()), Path(answers), int(workers))
    options = ["-q", "-x", "-s", "-p", "no:cacheprovider", "--import-mode=importlib"]
    # Nobody reads why a test failed: to word the difference of two long lists takes longer than the test.
    options += ["--assert=plain", "--tb=no"]
    return int(pytest.main([*options, *tests], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
