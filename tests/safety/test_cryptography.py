"""The inventory of cryptography is whole, nothing in it is too weak, and keys that could be guessed are refused."""

from __future__ import annotations

import ast
from ipaddress import ip_network
from pathlib import Path

import click
import jwt
import pytest

from cordwatch.app.commands.source_options import key_of
from cordwatch.board.entrance import Entrance
from cordwatch.board.keys import KeyTooShort
from cordwatch.board.settings import BoardSettings
from cordwatch.board.signing import ByHeader, ByToken
from cordwatch.feeds.fhir_exchange.endpoint import read_tokens
from cordwatch.feeds.fhir_exchange.smart import BadKey, read_key
from cordwatch.feeds.references import EXERCISE_KEY
from cordwatch.pager.inlets.side import BadFiles, People
from cordwatch.pager.inlets.standard import keys_of
from cordwatch.pager.settings import PagerSettings
from cordwatch.runtime.environment import Environment
from cordwatch.runtime.wall_clock import WallClock
from cordwatch_schemas.positions import BadYaml
from tests.safety.broken import with_instead
from tests.safety.inventories import DISALLOWED, cryptography
from tests.safety.papers import FOLDER
from tests.safety.source import BY_NAME, CRYPTOGRAPHY, OURS, cryptographic, modules
from tests.unit.board.tokens import Signer, key_set, new_key
from tests.unit.feeds.fhir.server import pem

PAPER = FOLDER / "cryptography.yaml"


def test_every_use_is_in_the_inventory() -> None:
    """And nothing else: each call of hashing, signatures, TLS and chance, by the function that it stands in."""
    listed = [name for use in cryptography().uses for name in use.where]
    assert sorted(listed) == sorted(cryptographic(*OURS))


def test_a_use_is_seen_however_it_is_imported() -> None:
    """The check of the check: by module, by name, under another name, handed on, within a function."""
    found = cryptographic(*OURS)
    assert found["cordwatch.app.state_file:write_state"] == {"hashlib.sha256"}
    assert found["cordwatch.pathway.facts:digest"] == {"hashlib.blake2b"}
    assert found["cordwatch.app.commands.secret_files:_make"] == {"secrets.token_hex"}
    assert "hashlib.sha256" in found["cordwatch.pager.transports.webhook:signed"]
    assert found["cordwatch.runtime.certificates_in_use:_life_of"]


def test_no_cryptography_comes_by_a_star() -> None:
    """What is imported without a name could not be seen."""
    stars = {
        name
        for name, tree in modules(*OURS)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names)
    }
    assert stars == set()


def test_nothing_that_is_broken_is_used() -> None:
    """MD5, SHA-1 and their like stand nowhere in the code, for no purpose; chance is never that of `random`."""
    used = {what for uses in cryptographic(*OURS).values() for what in uses}
    assert {one for one in used if DISALLOWED.search(one.replace(".", " "))} == set()
    assert {one for one in used if one.startswith("random.")} == set()
    hashes = {one for one in used if one.startswith("hashlib.")}
    assert hashes == {"hashlib.sha256", "hashlib.blake2b", "hashlib.file_digest"}
    assert {one.partition(".")[0] for one in used} <= {*CRYPTOGRAPHY, "uuid"}
    assert "uuid.uuid4" in BY_NAME


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "audit_chain:seal_of']\n    algorithm: SHA-256\n    bits: 256\n",
            "audit_chain:seal_of']\n    algorithm: SHA-256\n    bits: 128\n",
            "takes 256 bits",
        ),
        (
            "algorithm: BLAKE2b, 128 bits\n    bits: 128",
            "algorithm: BLAKE2b\n    bits: 64",
            "takes 128 bits",
        ),
        ("algorithm: BLAKE2b, 22 bits", "algorithm: MD5, 22 bits", "is used for nothing"),
        ("cordwatch.board.audit_chain:seal_of", "cordwatch.board.audit_chain:gone", "names gone"),
        (
            "cordwatch.feeds.fhir_exchange.endpoint:read_tokens",
            "cordwatch.gone:key",
            "names the module",
        ),
    ],
)
def test_what_is_too_weak_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    """By the paper itself: 256 bits against collisions, 128 against anything else, and no hash that is broken."""
    path = with_instead(PAPER, tmp_path, old, new)
    with pytest.raises(BadYaml) as refused:
        cryptography(path)
    assert fault in str(refused.value)


def test_a_key_for_references_cannot_be_tried_out(tmp_path: Path) -> None:
    """Whoever tries all keys of few bytes would find the number behind each reference."""
    path = tmp_path / "key"
    for key, reason in ((b"", "empty"), (b"x" * 31, "shorter than 32 bytes")):
        path.write_bytes(key)
        with pytest.raises(click.BadParameter, match=reason):
            key_of(path)
    path.write_bytes(b"x" * 32 + b"\n")
    assert key_of(path) == b"x" * 32
    assert key_of(None) == EXERCISE_KEY


@pytest.mark.parametrize("secret", ["short-secret", "fifteen-letters"])
def test_secrets_that_could_be_guessed_are_refused(tmp_path: Path, secret: str) -> None:
    """Of the proxy, of FHIR's bearers, of answers to pages: 16 bytes are the least, of webhooks 24."""
    path = tmp_path / "secret"
    path.write_text(f"long-enough-to-be-a-secret\n{secret}\n")
    with pytest.raises(ValueError, match="shorter than 16"):
        read_tokens(path)
    with pytest.raises(ValueError, match="shorter than 16"):
        ByHeader((ip_network("10.0.0.0/8"),), secret.encode())
    settings = PagerSettings(plan=path, port=0, pagerduty_secret_file=path)
    with pytest.raises(BadFiles, match="pagerduty_secret_file: a secret is shorter than 16"):
        People(settings, WallClock(), lambda: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        keys_of(["whsec_c2hvcnQ="])


def test_the_client_key_of_fhir_is_long(tmp_path: Path) -> None:
    """RSA of 2048 bits is as weak as a cipher of 112."""
    path = tmp_path / "client.pem"
    path.write_bytes(pem(new_key(2048)))
    with pytest.raises(BadKey, match="fewer than 3072 bits"):
        read_key(path)
    path.write_bytes(pem(new_key(3072)))
    assert read_key(path).algorithm == "RS384"


@pytest.mark.parametrize(
    ("environment", "believed"),
    [
        (Environment("production"), False),
        (Environment("production", frozenset({"short-keys"})), True),
        (Environment("development"), True),
    ],
)
def test_a_production_believes_no_token_by_a_short_key(
    tmp_path: Path, environment: Environment, believed: bool
) -> None:
    """Unless that is accepted by name; a long one is believed everywhere."""
    path = tmp_path / "keys.json"
    path.write_bytes(
        key_set(Signer("k1", new_key(2048)).published(), Signer("k2", new_key(3072)).published())
    )
    settings = BoardSettings(
        access="jwt",
        jwt_issuer="https://id.example",
        jwt_audience="cordwatch",
        jwt_keys_file=path,
        rsa_bits_min=environment.rsa_bits_min,
    )
    sign_in = Entrance.of(settings).sign_in
    assert isinstance(sign_in, ByToken)
    assert isinstance(sign_in.keys.find("k2", "RS256"), jwt.PyJWK)
    if believed:
        assert isinstance(sign_in.keys.find("k1", "RS256"), jwt.PyJWK)
    else:
        with pytest.raises(KeyTooShort):
            sign_in.keys.find("k1", "RS256")
