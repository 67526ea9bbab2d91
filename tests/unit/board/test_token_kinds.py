"""What a token is of and for, and whom it means: for good, not by a name that somebody else may get."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from cordwatch.board.access import NotSignedIn, Reader
from cordwatch.board.cds.caller import ByEhr
from cordwatch.board.clock_row import Seen
from cordwatch.board.entrance import Entrance
from cordwatch.board.keys import KeySet
from cordwatch.board.limits import WardLimit
from cordwatch.board.settings import BadAccess, BoardSettings
from cordwatch.board.signing import Asking, ByHeader, ByToken
from cordwatch.board.token_kinds import TokenKind
from cordwatch.board.view import View
from tests.builders import T, a_suspicion, an_admission, known_lymphoma
from tests.unit.board.browsing import BOARD_URL, Browser, browser
from tests.unit.board.hospital import an_acknowledgement, answered, kept
from tests.unit.board.tokens import Fixed, Signer, good_for, key_set

ISSUER = "https://id.example"
PROVIDER = Signer("k1")
NOW = T(7)
RECORDS = tuple(kept((known_lymphoma(), an_admission(), a_suspicion()), NOW))


def claims(**more: Any) -> dict[str, Any]:
    """Return what the provider signs for one person."""
    told = {"iss": ISSUER, "aud": "cordwatch", "sub": "4711", "preferred_username": "n.jansen"}
    return good_for({**told, "groups": ["cordwatch-coordinator"]}, **more)


def by_token(kind: TokenKind = "access", wards_claim: str | None = None) -> ByToken:
    """Return sign-in by tokens of *kind*."""
    keys = Fixed(KeySet.read(key_set(PROVIDER.published())))
    return ByToken(ISSUER, "cordwatch", keys, kind, wards_claim=wards_claim)


def asking(told: dict[str, Any], typ: str | None = "JWT") -> Asking:
    """Return a request with a token."""
    return Asking({"Authorization": PROVIDER.sign(told, typ=typ)})


# --- kinds

KEYCLOAK, COGNITO = {"typ": "Bearer", "azp": "proxy"}, {"token_use": "access"}
RFC9068 = {"client_id": "proxy", "jti": "a", "auth_time": 1}
ID = {"at_hash": "x", "nonce": "y", "auth_time": 1}
LOGOUT = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "jti": "a"}

EACH: list[tuple[str, str | None, dict[str, Any], set[TokenKind]]] = [
    ("plain", "JWT", {}, {"access", "id"}),
    ("without a type", None, {}, {"access", "id"}),
    ("RFC 9068", "at+jwt", RFC9068, {"access", "at+jwt"}),
    ("RFC 9068, whole", "application/at+JWT", RFC9068, {"access", "at+jwt"}),
    ("Keycloak's", "JWT", KEYCLOAK, {"access"}),
    ("Keycloak's of old", "JWT", {**KEYCLOAK, "nonce": "y"}, {"access"}),
    ("Cognito's", None, COGNITO, {"access"}),
    ("ID token", "JWT", ID, {"id"}),
    ("ID token with a nonce alone", "JWT", {"nonce": "y"}, {"id"}),
    ("ID token of Keycloak", "JWT", {"typ": "ID", "at_hash": "x"}, {"id"}),
    ("ID token of Cognito", None, {"token_use": "id"}, {"id"}),
    ("ID token that says it is another", "at+jwt", ID, set()),
    ("refresh token", "JWT", {"typ": "Refresh"}, set()),
    ("offline token", "JWT", {"typ": "Offline"}, set()),
    ("logout token", "logout+jwt", LOGOUT, set()),
    ("logout token without a type", "JWT", LOGOUT, set()),
    ("logout token of Keycloak", "JWT", {**LOGOUT, "typ": "Logout"}, set()),
    ("security event", "secevent+jwt", {}, set()),
    ("proof of possession", "dpop+jwt", {}, set()),
    ("request object", "oauth-authz-req+jwt", {}, set()),
    ("introspection", "token-introspection+jwt", {}, set()),
]


@pytest.mark.parametrize("kind", ["access", "at+jwt", "id"])
@pytest.mark.parametrize(
    ("typ", "more", "good"), [one[1:] for one in EACH], ids=[o[0] for o in EACH]
)
def test_a_token_of_another_kind_is_refused(
    kind: TokenKind, typ: str | None, more: dict[str, Any], good: set[TokenKind]
) -> None:
    """Signed by the right key for the right audience, and in time: it is believed where it is of the kind that is set."""
    sign_in, request = by_token(kind), asking(claims(**more), typ)
    if kind in good:
        assert sign_in.reader(request).user == "n.jansen"
    else:
        with pytest.raises(NotSignedIn, match="another kind") as refused:
            sign_in.reader(request)
        assert "jansen" not in str(refused.value)


@pytest.mark.parametrize(
    ("typ", "more", "is_good"),
    [("JWT", {}, True), (None, {}, True), ("at+jwt", {}, False), ("logout+jwt", LOGOUT, False)]
    + [("JWT", one, False) for one in (LOGOUT, ID, KEYCLOAK, {"nonce": "y"})],
)
def test_a_record_system_shows_no_token_of_another_kind(
    typ: str | None, more: dict[str, Any], is_good: bool
) -> None:
    """For a call of CDS Hooks it signs one of its own: what it got or gave for a sign-in is none."""
    sign_in = ByEhr((ISSUER,), BOARD_URL, Fixed(KeySet.read(key_set(PROVIDER.published()))))
    told = good_for({"iss": ISSUER, "aud": f"{BOARD_URL}/cds-services/x", "jti": "1", **more})
    request = Asking({"Authorization": PROVIDER.sign(told, typ=typ)}, path="/cds-services/x")
    if is_good:
        assert sign_in.reader(request).roles == {"ehr"}
    else:
        with pytest.raises(NotSignedIn, match="another kind"):
            sign_in.reader(request)


# --- who is meant for good


def test_a_name_that_somebody_else_gets_makes_nobody_else() -> None:
    """Two people of one name are two; one person with another name is the same."""
    before, other = by_token().reader(asking(claims())), by_token().reader(asking(claims(sub="99")))
    renamed = by_token().reader(asking(claims(preferred_username="n.devries")))
    assert (before.user, other.user, renamed.user) == ("n.jansen", "n.jansen", "n.devries")
    assert before.identity == renamed.identity == f"{ISSUER} 4711"
    assert other.identity != before.identity


@pytest.mark.parametrize("sub", ["", "a\nb", "x" * 256])
def test_without_a_subject_nobody_is_known(sub: str) -> None:
    """A name alone is not enough, though there is one."""
    with pytest.raises(NotSignedIn):
        by_token().reader(asking(claims(sub=sub)))


@pytest.mark.parametrize(
    ("seen", "is_mine"),
    [
        (Seen("n.jansen", NOW, None, f"{ISSUER} 4711"), True),
        (Seen("n.devries", NOW, None, f"{ISSUER} 4711"), True),
        (Seen("n.jansen", NOW, None, f"{ISSUER} 99"), False),
        (Seen("n.jansen", NOW, None), True),
        (Seen("n.devries", NOW, None), False),
    ],
)
def test_what_is_in_my_hand_goes_by_who_i_am(seen: Seen, is_mine: bool) -> None:
    """Not by the name where more is known; of answers from before, or from elsewhere, only that is."""
    reader = Reader("n.jansen", frozenset(), issuer=ISSUER, subject="4711")
    assert View.of({"hand": "mine"}, reader, named=False)._wants_in(seen) is is_mine


async def answer_as(one: Browser, sub: str, key: str) -> int:
    """Acknowledge the clock as the person *sub*, with the form *key*."""
    (row,) = one.site.state.open_rows(NOW)
    told = {
        "Authorization": PROVIDER.sign(claims(sub=sub)),
        "Origin": f"http://{one.client.host}:{one.client.port}",
    }
    page = await (await one.client.get(f"/clock/{row.id}", headers=told)).text()
    token = re.search(r'name="token" value="([^"]*)"', page)
    assert token is not None
    form = {"token": token[1], "key": key, "version": row.version, "reason": "acting"}
    answer = await one.client.post(
        f"/clock/{row.id}/acknowledge", data=form, headers=told, allow_redirects=False
    )
    return answer.status


async def test_an_answer_and_its_record_say_who_it_was_for_good() -> None:
    """Issuer and subject stand in both; what people read is the name. The same form by another person is another answer."""
    async with browser(RECORDS, NOW) as one:
        one.site.sign_in = by_token()
        assert [await answer_as(one, sub, "form") for sub in ("4711", "99")] == [303, 303]
        answers = one.topics.answers()
        assert [(told.by, told.by_id) for told in answers] == [
            ("n.jansen", f"{ISSUER} 4711"),
            ("n.jansen", f"{ISSUER} 99"),
        ]
        one.site.audit.stop(5)
        who = [record.event["agent"][0]["who"] for record in one.topics.audit()]
        assert {(told["identifier"]["value"], told["display"]) for told in who} == {
            ("4711", "n.jansen"),
            ("99", "n.jansen"),
        }
        (row,) = one.site.state.open_rows(NOW)
        seen = row.seen_by(NOW)
        assert seen is not None
        assert (seen.by, seen.by_id) == ("n.jansen", f"{ISSUER} 99")


async def test_an_answer_from_before_is_read_as_ever() -> None:
    """It has a name alone, and stands on the board by it."""
    async with browser(RECORDS, NOW) as one:
        (row,) = one.site.state.open_rows(NOW)
        old = an_acknowledgement(row.told[-1].alert_id, T(6.9), "n.jansen")
        (record,) = answered(old)
        value = record[2]
        assert value is not None
        stored = value.replace(b'"by_id":null,', b"")
        assert b"by_id" not in stored
        one.site.state.projection.take(record[0], record[1], stored)
        one.site.state.projection.refresh()
        text = await (await one.client.get("/", headers=one.headers("viewer"))).text()
        assert "In hand: n.jansen" in text


# --- the wards that a token names


@pytest.mark.parametrize(
    ("claim", "limit"),
    [
        (["HAEM-4", "ONC-2"], WardLimit.of(["HAEM-4", "ONC-2"])),
        ("HAEM-4, ONC-2", WardLimit.of(["HAEM-4", "ONC-2"])),
        (["*"], None),
        (None, WardLimit()),
        ([], WardLimit()),
        ({"ward": "HAEM-4"}, WardLimit()),
    ],
)
def test_a_claim_names_the_wards(claim: object, limit: WardLimit | None) -> None:
    """As a list or a text; a token without the claim that is set names none, and shows nobody."""
    told = claims() if claim is None else claims(wards=claim)
    assert by_token(wards_claim="wards").reader(asking(told)).limit == limit


def test_where_no_claim_is_set_nobody_is_limited() -> None:
    """As it was before: a claim of that name means nothing by itself."""
    assert by_token().reader(asking(claims(wards=["HAEM-4"]))).limit is None


def test_wards_without_sign_in_do_not_start() -> None:
    """Whoever sets a limit believes that it holds."""
    with pytest.raises(BadAccess, match="--wards-from"):
        Entrance.of(BoardSettings(wards_from="wards"))


def test_the_settings_say_of_which_kind_and_where_the_wards_stand(tmp_path: Path) -> None:
    """Both reach the entrance, whichever way people are known; unset, an access token is taken and nobody limited."""
    keys, secret = tmp_path / "keys.json", tmp_path / "secret"
    keys.write_bytes(key_set(PROVIDER.published()))
    secret.write_text("a secret of the proxy alone")
    told: dict[str, Any] = {"access": "jwt", "jwt_issuer": ISSUER, "jwt_audience": "cordwatch"}
    usual = Entrance.of(BoardSettings(**told, jwt_keys_file=keys)).sign_in
    more = {"jwt_keys_file": keys, "jwt_kind": "id", "wards_from": "wards"}
    chosen = Entrance.of(BoardSettings(**told, **more)).sign_in  # type: ignore[arg-type]
    assert isinstance(usual, ByToken)
    assert isinstance(chosen, ByToken)
    assert (usual.kind, usual.wards_claim) == ("access", None)
    assert (chosen.kind, chosen.wards_claim) == ("id", "wards")
    proxies = (ip_network("127.0.0.1/32"),)
    by_header = Entrance.of(
        BoardSettings(
            access="header", proxies=proxies, proxy_secret_file=secret, wards_from="X-Remote-Wards"
        )
    ).sign_in
    assert isinstance(by_header, ByHeader)
    assert by_header.wards_header == "X-Remote-Wards"
