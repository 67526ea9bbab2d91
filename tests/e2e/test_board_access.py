"""A whole board that fetches its keys: people by the identity provider, the record system by its own, over HTTP."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cordwatch.board.audit import read_audit
from cordwatch.runtime.kafka import KafkaSettings
from cordwatch.runtime.wall_clock import WallClock
from tests.e2e.board_site import BoardSite, a_ward_now, board_site, on_topics
from tests.unit.board.tokens import Signer, key_set

pytestmark = pytest.mark.timeout(240)

URL, NUMBERS = "https://board.example", "urn:oid:1.2.3"
VIEW = "/cds-services/cordwatch-patient-view"
OVERDUE_NUMBER = "0000005"


class Provider:
    """Publishes key sets on loopback, each at its own path."""

    def __init__(self) -> None:
        """Begin with none."""
        self.published: dict[str, bytes] = {}
        self.address = ""

    @contextmanager
    def listening(self) -> Iterator[Provider]:
        """Answer while it is needed."""
        published = self.published

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Give what is published."""
                body = published.get(self.path, b"")
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def ask(
    site: BoardSite, path: str, token: str = "", body: Any = None
) -> tuple[int, dict[str, Any]]:
    """Ask the board for JSON; return the status and what it answered."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": token, "Content-Type": "application/json"}
    request = Request(site.address + path, data, headers)  # noqa: S310 - our own board
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def good(signer: Signer, **claims: Any) -> str:
    """Return a token of now."""
    now = WallClock().now()
    return signer.sign({"iat": now, "exp": now + timedelta(minutes=5), **claims})


def of_ehr(signer: Signer, path: str = VIEW) -> str:
    """Return a token of the record system for one call."""
    return good(signer, iss="https://ehr.example", aud=URL + path, jti=str(uuid.uuid4()))


def of_person(signer: Signer) -> str:
    """Return a token of somebody who may look at the board."""
    told = {"iss": "https://id.example", "aud": "cordwatch", "sub": "n.jansen"}
    return good(signer, **told, groups=["cordwatch-viewer"])


def test_people_and_the_record_system_are_known_by_keys_that_are_fetched(tmp_path: Path) -> None:
    """Each by its own provider's and no other's; cards and feedback are on the audit topic."""
    staff, ehr = Signer("s1"), Signer("e1")
    now = WallClock().now()
    with Provider().listening() as provider:
        provider.published["/staff"] = key_set(staff.published())
        provider.published["/ehr"] = key_set(ehr.published())
        options = ["--access", "jwt", "--jwt-issuer", "https://id.example"]
        options += ["--jwt-audience", "cordwatch", "--jwt-keys-url", f"{provider.address}/staff"]
        options += ["--url", URL, "--patient-system", NUMBERS]
        options += ["--cds-issuers", "https://ehr.example"]
        options += ["--cds-keys-url", f"{provider.address}/ehr"]
        with board_site(tmp_path, on_topics(a_ward_now(now), now), *options) as site:
            assert len(ask(site, "/cds-services")[1]["services"]) == 2
            assert ask(site, "/api/clocks", of_person(staff))[0] == 200
            assert ask(site, "/api/clocks", of_person(ehr))[0] == 401
            assert ask(site, "/api/clocks", of_ehr(ehr, "/api/clocks"))[0] == 401
            assert ask(site, VIEW, of_ehr(staff), {})[0] == 401
            assert ask(site, VIEW, of_ehr(ehr), {})[0] == 400
            card = overdue_card(site, ehr)
            assert card["links"][0]["url"].startswith(f"{URL}/clock/")
            told = {"card": card["uuid"], "outcome": "overridden"}
            body = {"feedback": [{**told, "outcomeTimestamp": now.isoformat()}]}
            path = f"{VIEW}/feedback"
            assert ask(site, path, of_ehr(ehr, path), body) == (200, {})
            deeds = [
                one.event["subtype"][0]["code"]
                for one in read_audit(KafkaSettings(site.kafka, 20, (2, 0)))
            ]
            assert deeds[-1] == "card-overridden"
            assert "cards-shown" in deeds


def overdue_card(site: BoardSite, ehr: Signer) -> dict[str, Any]:
    """Return the first card of the patient who waits for longest."""
    patient = {
        "resourceType": "Patient",
        "id": "f-1",
        "identifier": [{"system": NUMBERS, "value": OVERDUE_NUMBER}],
    }
    call = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/1", "patientId": "f-1"},
        "prefetch": {"patient": patient},
    }
    status, told = ask(site, VIEW, of_ehr(ehr), call)
    assert (status, told["cards"][0]["indicator"]) == (200, "critical")
    card: dict[str, Any] = told["cards"][0]
    return card
