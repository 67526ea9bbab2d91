"""
What a container is, made with the tools of any Linux: for where no engine starts.

A network of the test's own, in which each process has an address; and of each
process a file system of its own that it can only read, memory where it may write,
another user than root, and no capability. Not limited is memory, and process
numbers are those of this host.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.layout import Bind, Unit
from tests.kafka.test_watch import eventually
from tests.unit.deploy.compose_rules import ROOT

NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET of unshare(2) and setns(2), which Python has from 3.12 on."""
TOOLS: Final = ("chroot", "env", "ip", "mount", "nsenter", "setpriv", "unshare")
LINKED: Final = ("bin", "sbin", "lib", "lib32", "lib64")
DEVICES: Final = ("null", "zero", "full", "random", "urandom")
INSTALLED: Final = "/opt/cordwatch"
"""Where the image has it."""
TRIED: Final = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && ip link add x type bridge"
"""What takes root, and what some hosts keep from it all the same; gone again with the process."""
STEP_S_MAX: Final = 120
LEAVES_S_MAX: Final = 10


class Installed:
    """cordwatch as its wheel installs it, beside the dependencies that these tests run with."""

    def __init__(self, folder: Path) -> None:
        """Build the wheel and install it in *folder*."""
        self.folder = folder
        wheels = folder.parent / "wheels"
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels))
        _run(sys.executable, "-m", "venv", str(folder))
        [wheel] = wheels.glob("*.whl")
        _run(str(folder / "bin/pip"), "install", "--no-index", "--no-deps", str(wheel))
        [packages] = folder.glob("lib/python*/site-packages")
        # The path alone: what is installed there for development, from the checkout, does not count by that.
        others = Path(pytest.__file__).parents[1]
        (packages / "dependencies.pth").write_text(f"{others}\n")
        self.needs = (others, Path(sys.base_prefix))

    def binds(self) -> list[Bind]:
        """Return what a process needs of it: where the image has it, and where its programs look for their Python."""
        places = [Bind(self.folder, INSTALLED), Bind(self.folder, str(self.folder))]
        return places + [
            Bind(one, str(one)) for one in self.needs if not one.is_relative_to("/usr")
        ]


def require_walls() -> None:
    """Skip where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("needs root: file systems are mounted, and another user is taken")
    if missing := [one for one in TOOLS if shutil.which(one) is None]:
        pytest.skip(f"needs {', '.join(missing)} (util-linux, iproute2)")
    once = ("unshare", "--mount", "--net", "sh", "-c", TRIED)
    tried = subprocess.run(once, capture_output=True, text=True, timeout=STEP_S_MAX, check=False)
    if tried.returncode != 0:
        pytest.skip(f"the kernel gives no walls here: {tried.stderr.strip()}")


@contextmanager
def network(subnet: str) -> Iterator[ipaddress.IPv4Network]:
    """Put this thread, and what it starts, into a network of its own with a bridge that has the first two addresses of *subnet*."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before:
        assert libc.unshare(NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            found = ipaddress.IPv4Network(subnet)
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "link", "add", "cordwatch", "type", "bridge")
            for number in (1, 2):
                _run(
                    "ip", "address", "add", f"{found[number]}/{found.prefixlen}", "dev", "cordwatch"
                )
            _run("ip", "link", "set", "cordwatch", "up")
            yield found
        finally:
            assert libc.setns(before.fileno(), NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())


class Walled:
    """One process of a service, within its walls."""

    def __init__(
        self, unit: Unit, program: str, address: str, folder: Path, binds: list[Bind]
    ) -> None:
        """Start it at *address* (with the length of the network's prefix); *binds* are its system, beside those of its service."""
        self.unit, self.address = unit, address.partition("/")[0]
        self.log = folder / f"{unit.name}-{self.address}.log"
        root = folder / f"{unit.name}-{self.address}"
        root.mkdir()
        script = _script(unit, program, address, root, [*binds, *unit.binds])
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "sh", "-c", script],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
            )
        self._connect()

    def _connect(self) -> None:
        """Lay a cable from the bridge to the process, once it has a network of its own; then it goes on."""
        pid = self.process.pid
        ours, theirs = Path("/proc/thread-self/ns/net"), Path(f"/proc/{pid}/ns/net")
        assert eventually(lambda: theirs.readlink() != ours.readlink()), self.log.read_text()
        cable = f"c{pid}"
        _run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _run("ip", "link", "set", cable, "master", "cordwatch", "up")
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def inside(self, line: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run a line within its walls, as it or as another *user*."""
        who = str(self.unit.user if user is None else user)
        enter = ("nsenter", "--target", str(self.process.pid), "--net", "--mount", "--root", "--wd")
        return subprocess.run(
            [*enter, "--setuid", who, "--setgid", who, "sh", "-c", line],
            env=dict(self.unit.environment),
            capture_output=True,
            text=True,
            timeout=STEP_S_MAX,
            check=False,
        )

    def gets_on(self) -> bool:
        """Return whether it says so, asked as the service's health check asks."""
        return self.process.poll() is None and self.inside(self.unit.health).returncode == 0

    def status(self) -> Mapping[str, str]:
        """Return what the kernel says of it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        pairs = (line.partition(":") for line in lines)
        return {name: " ".join(value.split()) for name, _, value in pairs}

    def ended(self) -> int:
        """Wait for what runs once; return its exit code."""
        return self.process.wait(STEP_S_MAX)

    def stop(self) -> int:
        """Tell it to end, and give it the time that its service has; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(self.unit.grace_s)

    def kill(self) -> None:
        """End it without a word."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LEAVES_S_MAX)


def _script(unit: Unit, program: str, address: str, root: Path, binds: list[Bind]) -> str:
    """Return how a process gets its walls, and becomes the service."""
    at = shlex.quote(str(root))
    lines = ["set -eu", "mount --make-rprivate /", f"mount -t tmpfs -o mode=755 tmpfs {at}"]
    linked = [Path("/", name) for name in LINKED if Path("/", name).is_symlink()]
    lines += [f"ln -s {one.readlink()} {at}{one}" for one in linked]
    # First, since what these tests run with may itself lie in such a place.
    for place, options in unit.in_memory.items():
        lines.append(f"mkdir -p {at}{place}; mount -t tmpfs -o {options} tmpfs {at}{place}")
    for one in [Bind(Path("/usr"), "/usr"), *binds]:
        lines += _bound(one, root)
    lines += [f"mkdir -p {at}/proc {at}/dev", f"mount --rbind /proc {at}/proc"]
    for name in DEVICES:
        lines.append(f": > {at}/dev/{name}; mount --bind /dev/{name} {at}/dev/{name}")
    lines += [f"mount -o remount,ro {at}", "read -r go"]
    lines += ["ip link set lo up", f"ip address add {address} dev eth0", "ip link set eth0 up"]
    none = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups")
    who = (f"--reuid={unit.user}", f"--regid={unit.user}", *none)
    said = [f"{name}={value}" for name, value in unit.environment.items()]
    command = ("setpriv", *who, "env", "--ignore-environment", f"--chdir={unit.folder}")
    lines.append(f"exec chroot {at} {shlex.join([*command, *said, program, *unit.runs])}")
    return "\n".join(lines)


def _bound(one: Bind, root: Path) -> list[str]:
    """Return how a file or folder is put where it is found, to be read only."""
    there = shlex.quote(f"{root}{one.target}")
    if one.source.is_dir():
        made = f"mkdir -p {there}"
    else:
        made = f"mkdir -p $(dirname {there}); : > {there}"
    bound = f"mount --bind {shlex.quote(str(one.source))} {there}"
    return [made, bound, f"mount -o remount,bind,ro {there}"]


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=STEP_S_MAX, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr[-2_000:]}"
