"""
The bundle where there is no way out: whole, installed, its demo run, and nothing asked of any network: `make airgap`.

In a network namespace with nothing but loopback the kernel counts what somebody
tried to send and could not: datagrams and connections to where no route leads.
A question to a name server is a datagram on loopback where one answers there,
so those are counted too; cordwatch's demo sends none. At the end one
datagram is sent on purpose, since a count that cannot rise proves nothing.

Exit codes: 1 something went out, was tried or went wrong; 2 there is no such
namespace to be had here, so that nothing was tried.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
WAYS: Final = (("unshare", "--net"), ("unshare", "--map-root-user", "--net"))
"""As root; and as anybody, where the kernel lets anybody be root of a namespace."""
INSIDE: Final = "--inside"
NOT_TRIED: Final = 2
NOWHERE: Final = ("192.0.2.1", 9)
"""An address of no one, kept for examples (RFC 5737)."""
SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1
INSTALL_S_MAX: Final = 300
DEMO_S_MAX: Final = 300
DEMO_CHARACTERS: Final = 1_500
"""How much of what the demo says is repeated: what it comes to."""

Counts = dict[str, int]


def outside(packed: Path) -> int:
    """Go on in a network namespace of our own."""
    refused = ""
    for way in WAYS:
        tried = subprocess.run([*way, "true"], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if tried.returncode == 0:
            command = [*way, sys.executable, "-m", "deploy.airgap.rehearsal", INSIDE, str(packed)]
            return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
        refused = tried.stderr.strip()
    sys.stderr.write(
        f"air gap: NOT TRIED, and so not shown: no network namespace here ({refused})\n"
    )
    return NOT_TRIED


def inside(packed: Path) -> int:
    """Unpack, check, install, run and count; say what was seen."""
    loopback_up()
    if found := routes():
        sys.stderr.write(f"air gap: there is a way out: {found}\n")
        return 1
    before = counts()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        [bundle] = folder.iterdir()
        _run("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=bundle, seconds=INSTALL_S_MAX)
        installed = install(bundle, folder)
        if unlisted := installed - materials(bundle):
            sys.stderr.write(f"air gap: not in the list of materials: {sorted(unlisted)}\n")
            return 1
        demo = (f"{folder}/venv/bin/cordwatch", "demo", "--once")
        sys.stdout.write(_run(*demo, cwd=folder, seconds=DEMO_S_MAX)[-DEMO_CHARACTERS:])
    seen = {name: count - before[name] for name, count in counts().items()}
    knock()
    if counts() == {name: before[name] + seen[name] for name in seen}:
        sys.stderr.write("air gap: the kernel does not count here, so nothing is shown\n")
        return 1
    told = ", ".join(f"{name} {count}" for name, count in seen.items())
    sys.stdout.write(
        f"air gap: checksums right, {len(installed)} packages installed and listed, the demo as expected: {told}\n"
    )
    return 1 if any(seen.values()) else 0


def install(bundle: Path, folder: Path) -> set[str]:
    """Install from the bundle alone into `venv` in *folder*; return what is there then, by name and version."""
    _run(sys.executable, "-m", "venv", "venv", cwd=folder, seconds=INSTALL_S_MAX)
    pip = (f"{folder}/venv/bin/python", "-m", "pip", "--disable-pip-version-check")
    options = ("--quiet", "--no-index", "--find-links=wheels", "--require-hashes")
    wanted = ("install", *options, "--requirement=requirements.txt")
    _run(*pip, *wanted, cwd=bundle, seconds=INSTALL_S_MAX)
    listed = _run(*pip, "list", "--format=json", cwd=folder, seconds=INSTALL_S_MAX)
    found = {one["name"]: one["version"] for one in json.loads(listed)}
    # Python's own, by which the others came.
    return {f"{plain(name)} {found[name]}" for name in found.keys() - {"pip", "setuptools"}}


def materials(bundle: Path) -> set[str]:
    """Return what the bundle's list of materials has, by name and version."""
    found = json.loads((bundle / "sbom.cdx.json").read_text())
    listed = [found["metadata"]["component"], *found["components"]]
    return {f"{plain(one['name'])} {one['version']}" for one in listed}


def plain(name: str) -> str:
    """Return the name of a package as every index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def loopback_up() -> None:
    """Let the host talk to itself: in a new namespace not even that is so."""
    with socket.socket() as any_socket:
        asked = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked)[:18])[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def routes() -> list[str]:
    """Return the ways that lead anywhere but back."""
    four = Path("/proc/net/route").read_text().splitlines()[1:]
    six = Path("/proc/net/ipv6_route")
    lines = four + (six.read_text().splitlines() if six.exists() else [])
    return [line for line in lines if "lo" not in line.split()]


def counts() -> Counts:
    """Return what this namespace has sent, or has tried to: packets out, sends without a route, datagrams."""
    four = Path("/proc/net/snmp").read_text()
    six = Path("/proc/net/snmp6")
    more = dict(
        re.findall(r"^(\w+)\s+(\d+)$", six.read_text() if six.exists() else "", re.MULTILINE)
    )
    sent = re.findall(r"^ *(\S+): *(.+)$", Path("/proc/net/dev").read_text(), re.MULTILINE)
    return {
        "packets out": sum(int(row.split()[9]) for name, row in sent if name != "lo"),
        "sends without a route": of_table(four, "Ip", "OutNoRoutes")
        + int(more.get("Ip6OutNoRoutes", 0)),
        "datagrams": of_table(four, "Udp", "OutDatagrams") + int(more.get("Udp6OutDatagrams", 0)),
    }


def of_table(text: str, table: str, name: str) -> int:
    """Return one value of a text like `/proc/net/snmp`: a line of names, then one of values."""
    names, values = re.findall(rf"^{table}: (.+)$", text, re.MULTILINE)
    return int(dict(zip(names.split(), values.split(), strict=True))[name])


def knock() -> None:
    """Send one datagram to nobody, which cannot leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.sendto(b"", NOWHERE)
        except OSError:
            return


def _run(*command: str, cwd: Path, seconds: int) -> str:
    """Run a program that must end well, without what this one's environment says of Python; return what it said."""
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_"))
    }
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=cwd, env=clean, timeout=seconds, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(
            f"{done.stdout[-DEMO_CHARACTERS:]}\nair gap: {' '.join(command)}: exit code {done.returncode}"
        )
    return done.stdout


def main() -> int:
    """Rehearse with the file named."""
    *options, packed = sys.argv[1:]
    if options not in ([], [INSIDE]):
        sys.stderr.write("air gap: there are several bundles; name one\n")
        return 1
    return inside(Path(packed).resolve()) if options else outside(Path(packed).resolve())


if __name__ == "__main__":
    sys.exit(main())
