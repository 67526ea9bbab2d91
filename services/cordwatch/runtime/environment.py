"""What a production refuses, unless somebody accepts the risk by its name: and then it is told wherever people look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from cordwatch.runtime.metrics_tls import IN_THE_CLEAR, MetricsTls
from cordwatch.runtime.strength import RSA_BITS_MIN, RSA_BITS_STRONG

EnvironmentName = Literal["development", "production"]
COPIES_MIN: Final = 3

RISKS: Final = {
    "plaintext-kafka": "what goes to and from Kafka can be read and changed on the way",
    "low-replication": "one broker that is lost can take acknowledged messages with it",
    "short-keys": "tokens are believed by keys of RSA with fewer than 3072 bits",
    "pages-to-nobody": "what is paged to a destination of the kind nowhere is heard by nobody",
    "plaintext-metrics": "what is measured can be read and changed on its way to Prometheus",
}
"""What may be accepted, by name, and what it means: the words of the board."""


class NotForProduction(ValueError):
    """A production would run on what it must not; names the setting, and the risk that could be accepted instead."""


class UnknownRisk(ValueError):
    """Nobody can accept what has no meaning here."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Whether patients depend on this one, which risks somebody answers for, and how its processes are measured."""

    name: EnvironmentName = "development"
    accepted: frozenset[str] = frozenset()
    metrics: MetricsTls = IN_THE_CLEAR

    def __post_init__(self) -> None:
        """
        Refuse a risk that is none of ours: a slip of the pen accepts nothing.

        Raises:
            UnknownRisk: names those that there are.
        """
        unknown = sorted(self.accepted - RISKS.keys())
        if unknown:
            raise UnknownRisk(f"{', '.join(unknown)}: no such risk; there are {', '.join(RISKS)}")

    @property
    def stands(self) -> tuple[str, ...]:
        """Return the risks that are accepted where it counts, in their order."""
        if self.name != "production":
            return ()
        return tuple(name for name in RISKS if name in self.accepted)

    @property
    def rsa_bits_min(self) -> int:
        """Return of how many bits a key of RSA must be by which a token is believed."""
        is_strict = self.name == "production" and "short-keys" not in self.accepted
        return RSA_BITS_STRONG if is_strict else RSA_BITS_MIN

    def told(self) -> tuple[str, ...]:
        """Return each accepted risk with what it means, for people."""
        return tuple(f"{name}: {RISKS[name]}" for name in self.stands)

    def require_secret(self, *, is_secret: bool) -> None:
        """
        Refuse to speak to Kafka in the clear.

        Raises:
            NotForProduction: it is in the clear, and nobody accepted that.
        """
        if not is_secret:
            self._refuse(
                "plaintext-kafka",
                "kafka-security (CORDWATCH_KAFKA_SECURITY) is plaintext: set ssl or sasl_ssl",
            )

    def serves_openly(self, host: str) -> bool:
        """
        Return whether metrics go beyond this machine in the clear where that counts.

        Told and not refused: they hold nothing of a patient, and a mesh or a proxy
        may see to it. A process that does not start for it would watch nobody.
        """
        return self.name == "production" and not self.metrics.is_secret and not _is_here(host)

    def require_copies(self, copies: Iterable[tuple[str, int]]) -> None:
        """
        Refuse topics, each with its number of copies, that one broker can lose.

        Raises:
            NotForProduction: one has too few, and nobody accepted that.
        """
        few = [f"{name} has {count}" for name, count in copies if count < COPIES_MIN]
        if few:
            self._refuse(
                "low-replication",
                f"replication (CORDWATCH_REPLICATION) is below {COPIES_MIN}: {', '.join(few)}",
            )

    def require_listeners(self, deaf: Iterable[str]) -> None:
        """
        Refuse a plan of the pager that leads to *deaf* destinations, which take every page and tell nobody.

        Raises:
            NotForProduction: there is one, and nobody accepted that.
        """
        named = sorted(deaf)
        if named:
            self._refuse(
                "pages-to-nobody",
                f"the pager plan (CORDWATCH_PAGER_PLAN) leads to nobody: {', '.join(named)}",
            )

    def require_patients(self, what: str) -> None:
        """
        Refuse *what* is made for invented patients; no name accepts that.

        Raises:
            NotForProduction: this is a production.
        """
        if self.name == "production":
            raise NotForProduction(
                f"environment (CORDWATCH_ENVIRONMENT) is production, and {what} is for invented patients alone"
            )

    def _refuse(self, risk: str, why: str) -> None:
        if self.name == "production" and risk not in self.accepted:
            raise NotForProduction(
                f"environment is production, and {why}.\n"
                f"Or accept by name that {RISKS[risk]}: CORDWATCH_ACCEPTED_RISKS={risk}"
            )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


DEVELOPMENT: Final = Environment()
