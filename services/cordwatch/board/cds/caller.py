"""How a record system proves who it is: by a token that it signed for this very call, good once."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from cordwatch.board.access import NotSignedIn, Reader
from cordwatch.board.keys import Keys
from cordwatch.board.signing import LEEWAY_S, USER_MAX, Asking, claims_of

LIFE_S_MAX: Final = 3600
"""A token that lasts longer could be played back for longer, and must be remembered for longer."""
TOKEN_ID_MAX: Final = 200
USED_MAX: Final = 200_000
_FEEDBACK: Final = "/feedback"


@dataclass(slots=True)
class Used:
    """Which tokens were used, for as long as each could be played back."""

    _known: set[bytes] = field(default_factory=set)
    _ends: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, issuer: str, token_id: str, until: float, now: float) -> bool:
        """Return whether the token is used for the first time, and remember it until *until*."""
        while self._ends and self._ends[0][0] < now:
            self._known.discard(heapq.heappop(self._ends)[1])
        key = blake2b(f"{issuer}\x1f{token_id}".encode(), digest_size=16).digest()
        if key in self._known or len(self._known) >= USED_MAX:
            return False
        self._known.add(key)
        heapq.heappush(self._ends, (until, key))
        return True


@dataclass(frozen=True, slots=True)
class ByEhr:
    """
    Believes the token of a listed record system: issuer, audience (this endpoint), times, key, and its first use.

    Where the token says that its keys are (`jku`) is not looked at: who makes a
    token must not choose by what it is verified.
    """

    issuers: tuple[str, ...]
    url: str
    keys: Keys
    now_s: Callable[[], float]
    """Seconds since 1970."""
    since_s: float
    """When this board began: whether an older token was used is not known."""
    used: Used = field(default_factory=Used)

    def reader(self, asking: Asking) -> Reader:
        """Return the record system."""
        endpoint = self.url + asking.path
        # The specification leaves open which of the two a client names where it gives feedback.
        audiences = [endpoint, endpoint.removesuffix(_FEEDBACK)]
        claims = claims_of(asking, self.keys, self.issuers, audiences, ("jti",))
        issuer, token_id = claims["iss"], claims["jti"]
        issued_s, ends_s = float(claims["iat"]), float(claims["exp"])
        if not isinstance(token_id, str) or not 0 < len(token_id) <= TOKEN_ID_MAX:
            raise NotSignedIn("the token has no id")
        if ends_s - issued_s > LIFE_S_MAX:
            raise NotSignedIn(f"the token lasts for more than {LIFE_S_MAX} s")
        if issued_s < self.since_s:
            raise NotSignedIn("the token is older than this board")
        if not self.used.take(issuer, token_id, ends_s + LEEWAY_S, self.now_s()):
            raise NotSignedIn("the token was used before")
        return Reader(issuer[:USER_MAX], frozenset({"ehr"}), ends_s)
