"""How a record system proves who it is: by a token that it signed for this very call, good once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from cordwatch.board.access import NotSignedIn, Reader, TokenUse
from cordwatch.board.keys import Keys
from cordwatch.board.signing import LEEWAY_S, USER_MAX, Asking, claims_of

LIFE_S_MAX: Final = 3600
"""A token that lasts longer could be played back for longer, and must be remembered for longer."""
TOKEN_ID_MAX: Final = 200
_FEEDBACK: Final = "/feedback"


@dataclass(frozen=True, slots=True)
class ByEhr:
    """
    Believes the token of a listed record system: issuer, audience (this endpoint), times, key.

    Whether it was used before is asked by who answers (`once`), of all boards.
    Where the token says that its keys are (`jku`) is not looked at: who makes a
    token must not choose by what it is verified.
    """

    issuers: tuple[str, ...]
    url: str
    keys: Keys

    def reader(self, asking: Asking) -> Reader:
        """Return the record system."""
        endpoint = self.url + asking.path
        # The specification leaves open which of the two a client names where it gives feedback.
        audiences = [endpoint, endpoint.removesuffix(_FEEDBACK)]
        claims = claims_of(asking, self.keys, self.issuers, audiences, ("jti",), kind="call")
        issuer, token_id = claims["iss"], claims["jti"]
        issued_s, ends_s = float(claims["iat"]), float(claims["exp"])
        if not isinstance(token_id, str) or not 0 < len(token_id) <= TOKEN_ID_MAX:
            raise NotSignedIn("the token has no id")
        if ends_s - issued_s > LIFE_S_MAX:
            raise NotSignedIn(f"the token lasts for more than {LIFE_S_MAX} s")
        digest = blake2b(f"{issuer}\x1f{token_id}".encode(), digest_size=16).hexdigest()
        use = TokenUse(digest, ends_s + LEEWAY_S)
        return Reader(issuer[:USER_MAX], frozenset({"ehr"}), ends_s, token=use)
