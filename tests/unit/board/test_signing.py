"""Who asks is believed only where it can be verified."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from cordwatch.board.access import ALLOWS, ROLES, NotSignedIn, Reader, roles_in
from cordwatch.board.entrance import Entrance
from cordwatch.board.keys import KeyFile
from cordwatch.board.settings import BadAccess, BoardSettings
from cordwatch.board.signing import Anybody, Asking, ByHeader, ByToken
from tests.unit.board.tokens import NOW, Signer, good_for, key_set, new_key

SECRET = b"a secret of the proxy alone"
PROXY = "10.1.2.3"
PROVIDER = Signer("k1")
OTHER_KEY = new_key()


def headers(**more: str) -> dict[str, str]:
    """Return what an honest proxy sends."""
    told = {"X-Remote-User": "n.jansen", "X-Remote-Groups": "staff, cordwatch-clinician"}
    return {**told, "X-Proxy-Secret": SECRET.decode(), **more}


def by_header() -> ByHeader:
    """Return sign-in by a header of one proxy."""
    return ByHeader([ip_network(f"{PROXY}/32")], SECRET)


def test_a_listed_proxy_with_its_secret_is_believed() -> None:
    """Name and roles are those that it tells."""
    assert by_header().reader(Asking(headers(), PROXY)) == Reader(
        "n.jansen", frozenset({"clinician"})
    )


@pytest.mark.parametrize(
    ("told", "peer"),
    [
        (headers(), "10.1.2.4"),
        (headers(), ""),
        (headers(**{"X-Proxy-Secret": "guessed"}), PROXY),
        (headers(**{"X-Proxy-Secret": ""}), PROXY),
        (headers(**{"X-Remote-User": ""}), PROXY),
        (headers(**{"X-Remote-User": "a\nb"}), PROXY),
        (headers(**{"X-Remote-User": "x" * 121}), PROXY),
    ],
)
def test_what_another_could_have_sent_is_not_believed(told: dict[str, str], peer: str) -> None:
    """Another peer, no secret, no name, or a name that would break a line."""
    with pytest.raises(NotSignedIn):
        by_header().reader(Asking(told, peer))


@pytest.mark.parametrize("name", ["X-Remote-User", "x-remote-groups", "X-Proxy-Secret"])
def test_a_header_that_stands_there_twice_is_not_believed(name: str) -> None:
    """A proxy that forgets to take out what the browser sent lets nobody be somebody else."""
    told = CIMultiDict(headers())
    told.add(name, "cordwatch-coordinator")
    with pytest.raises(NotSignedIn):
        by_header().reader(Asking(told, PROXY))


@pytest.mark.parametrize(("proxies", "secret"), [([], SECRET), ([ip_network("::1")], b"short")])
def test_sign_in_that_would_believe_anybody_is_refused(proxies: Any, secret: bytes) -> None:
    """An empty list of proxies is not everybody, and a short secret is none."""
    with pytest.raises(ValueError, match=r"proxy"):
        ByHeader(proxies, secret)


def test_roles_are_groups_of_that_name_and_nothing_else() -> None:
    """A group called administrator of something else gives nothing."""
    assert roles_in(["cordwatch-viewer", "administrator", "cordwatch-", 7]) == {"viewer"}


def test_nobody_who_is_not_known_sees_names() -> None:
    """Without sign-in anybody may try the board, and sees no name on it."""
    reader = Anybody().reader(Asking({}, "127.0.0.1"))
    assert reader.may("acknowledge")
    assert not reader.sees_names


def test_who_runs_the_system_answers_for_no_patient() -> None:
    """An administrator closes no clock and sees no name; only clinical roles do."""
    assert {role for role in ROLES if "stand-down" in ALLOWS[role]} == {"coordinator"}
    assert {role for role in ROLES if "see-names" in ALLOWS[role]} == {"clinician", "coordinator"}


# --- tokens


def key_file(folder: Path) -> Path:
    """Return a file with the provider's public key."""
    path = folder / "keys.json"
    path.write_bytes(key_set(PROVIDER.published(alg="RS256")))
    return path


def claims(**more: Any) -> dict[str, Any]:
    """Return what an honest provider signs."""
    told = {
        "iss": "https://id.example",
        "aud": "cordwatch",
        "sub": "4711",
        "preferred_username": "n.jansen",
        "groups": ["cordwatch-coordinator"],
    }
    return good_for(told, **more)


def signed(told: dict[str, Any], key: Any = None, algorithm: str = "RS256", kid: str = "k1") -> str:
    """Return the header of a request with a token."""
    return Signer(kid, PROVIDER.key).sign(told, algorithm, key)


def by_token(folder: Path) -> ByToken:
    """Return sign-in by tokens."""
    return ByToken("https://id.example", "cordwatch", KeyFile(key_file(folder)))


def test_a_token_of_the_provider_is_believed(tmp_path: Path) -> None:
    """Name, roles, and until when."""
    told = claims()
    reader = by_token(tmp_path).reader(Asking({"Authorization": signed(told)}))
    assert (reader.user, reader.roles) == ("n.jansen", frozenset({"coordinator"}))
    assert (reader.issuer, reader.subject) == ("https://id.example", "4711")
    assert reader.until == int(told["exp"].timestamp())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic abc",
        "Bearer",
        "Bearer not.a.token",
        signed(claims(iss="https://elsewhere.example")),
        signed(claims(aud="another")),
        signed(claims(exp=NOW - timedelta(minutes=5))),
        signed(claims(iat=NOW + timedelta(hours=9), nbf=NOW + timedelta(hours=9))),
        signed(claims(exp=None)),
        signed(claims(sub=None)),
        signed(claims(), key=OTHER_KEY),
        signed(claims(), kid="k2"),
        signed(claims(), key="", algorithm="none"),
        signed(claims(), key="x" * 64, algorithm="HS512"),
        signed(claims(), algorithm="RS512"),
        signed(claims())[:-8] + "AAAAAAAA",
    ],
)
def test_a_token_that_does_not_hold_is_refused(header: str, tmp_path: Path) -> None:
    """Another issuer, audience, time, key or algorithm, none at all, or a changed signature."""
    with pytest.raises(NotSignedIn) as refused:
        by_token(tmp_path).reader(Asking({"Authorization": header}))
    assert "jansen" not in str(refused.value)


def test_a_key_that_was_taken_back_is_no_longer_believed(tmp_path: Path) -> None:
    """The file is read anew when it changes, without a restart."""
    sign_in, token = by_token(tmp_path), signed(claims())
    assert sign_in.reader(Asking({"Authorization": token})).user == "n.jansen"
    path = tmp_path / "keys.json"
    path.write_bytes(key_set())
    with pytest.raises(NotSignedIn):
        sign_in.reader(Asking({"Authorization": token}))


# --- what the settings allow


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"host": "0.0.0.0"}, "loopback"),  # noqa: S104 - what must be refused
        ({"access": "header"}, "--proxy-secret-file"),
        ({"access": "jwt", "jwt_issuer": "x"}, "--jwt-audience"),
    ],
)
def test_a_board_that_could_not_tell_who_asks_does_not_start(
    settings: dict[str, Any], named: str
) -> None:
    """Beyond loopback somebody must sign in; half a way to know is none."""
    with pytest.raises(BadAccess, match=named):
        Entrance.of(BoardSettings(**settings))


def test_a_header_without_listed_proxies_does_not_start(tmp_path: Path) -> None:
    """An empty list refuses to start instead of trusting everybody."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    with pytest.raises(BadAccess, match="no proxy is listed"):
        Entrance.of(BoardSettings(access="header", proxy_secret_file=secret))
