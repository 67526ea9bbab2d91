"""The authority of one host: everybody of docker-compose.yml has a pair by which others know them, and no more."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from cordwatch.app.commands.secret_files import secrets
from cordwatch.runtime.kafka_security import KafkaSecurity, tls_context
from deploy.compose.certificates import AUTHORITY, BROKERS, PEOPLE, SERVICES, main, make
from tests.unit.deploy.compose_rules import ROOT
from tests.unit.runtime.test_peers import spoken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of certificates, made as the README says."""
    found = tmp_path_factory.mktemp("secrets") / "tls"
    assert main([str(found)]) == 0
    return found


def context_of(folder: Path, whom: str) -> ssl.SSLContext:
    """Return how *whom* connects: as our clients do."""
    own = folder / whom / "own.pem"
    return tls_context(KafkaSecurity("ssl", ca=folder / whom / "ca.pem", cert=own, key=own))


def listening(folder: Path, whom: str) -> ssl.SSLContext:
    """Return how *whom* listens: as a broker does that wants a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / whom / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / whom / "own.pem")
    return context


def test_everybody_is_known_to_everybody(folder: Path) -> None:
    """By the name of the container, and by the loopback of the host; strictly, as newer Pythons verify."""
    for whom in (*SERVICES, *PEOPLE):
        client = context_of(folder, whom)
        assert spoken(listening(folder, "kafka"), client) == "TLSv1.3"
    strict = context_of(folder, "watch")
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("kafka-2", "127.0.0.1", "localhost"):
        assert spoken(listening(folder, "kafka-2"), strict, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        spoken(listening(folder, "kafka-2"), strict, "kafka-3")


def test_who_is_of_another_host_is_not_known(folder: Path, tmp_path: Path) -> None:
    """Each host has an authority of its own."""
    make(tmp_path / "tls")
    with pytest.raises(ssl.SSLError):
        spoken(listening(folder, "kafka"), context_of(tmp_path / "tls", "feeds"))


def test_the_folder_is_closed_and_the_authority_behind_another_door(folder: Path) -> None:
    """Another user of the host gets nowhere; a container reads its own folder, and never the authority's key."""
    modes = {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
    }
    closed = {".": 0o700, AUTHORITY: 0o700, f"{AUTHORITY}/own.pem": 0o400}
    assert {name: modes.pop(name) for name in closed} == closed
    assert {mode for name, mode in modes.items() if name.endswith(".pem")} == {0o444}
    assert {mode for name, mode in modes.items() if not name.endswith(".pem")} == {0o755}


def test_what_is_there_stays_and_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    """While everything runs: whoever trusts the authority knows the new ones."""
    made = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("own.pem")}
    assert make(tmp_path) == []
    assert {path: path.read_bytes() for path in before} == before
    assert make(tmp_path, renew=True) == made
    changed = {path.parent.name for path in before if path.read_bytes() != before[path]}
    assert changed == {*BROKERS, *SERVICES, *PEOPLE}
    assert spoken(listening(tmp_path, "kafka"), context_of(tmp_path, "feeds")) == "TLSv1.3"


def test_pairs_are_looked_at_before_a_broker_starts(folder: Path, tmp_path: Path) -> None:
    """What is no pair is told by its folder; what does not fit, and what is not there."""
    whole = [str(folder / whom) for whom in (*BROKERS, *SERVICES)]
    assert CliRunner().invoke(secrets, ["check", *whole]).exit_code == 0
    bad = tmp_path / "kafka"
    bad.mkdir()
    refused = CliRunner().invoke(secrets, ["check", str(bad)])
    assert (refused.exit_code, "ca.pem is not there" in refused.output) == (1, True)
    (bad / "ca.pem").write_bytes((folder / "kafka" / "ca.pem").read_bytes())
    theirs = (folder / "feeds" / "own.pem").read_bytes()
    ours = (folder / "kafka" / "own.pem").read_bytes()
    cut = ours.index(b"-----BEGIN CERTIFICATE")
    (bad / "own.pem").write_bytes(ours[:cut] + theirs[theirs.index(b"-----BEGIN CERTIFICATE") :])
    refused = CliRunner().invoke(secrets, ["check", str(bad)])
    assert (refused.exit_code, "holds no key with its certificate" in refused.output) == (1, True)
    assert "PRIVATE" not in refused.output


def test_where_there_are_none_an_empty_folder_stands_in() -> None:
    """For each that would have one; nothing that looks like a certificate is in the project."""
    stand_in = ROOT / "deploy/compose/in-the-clear"
    assert {one.name for one in stand_in.iterdir()} == {*BROKERS, *SERVICES}
    assert {one.name for one in stand_in.rglob("*") if one.is_file()} == {".gitkeep"}
