"""
Where a reader sits who comes through proxies: for the audit trail and the limits, never to let anybody in.

`X-Forwarded-For` alone is read. Each proxy writes at its end from where it was
asked, so that what a browser writes there itself stands further left: from the
right the first address that is no listed proxy's is the reader's. `Forwarded`
(RFC 7239) is not read: proxies that do not know it pass on what a browser made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from cordwatch.runtime.peers import is_allowed

HEADER = "X-Forwarded-For"


def reader_address(
    peer: str, told: Iterable[str], proxies: Sequence[IPv4Network | IPv6Network]
) -> str:
    """
    Return where the reader sits who asks through *peer*, by the headers that were *told*, in their order.

    Only what *proxies* tell is believed; what cannot be read ends it at the last
    address that was. Without *proxies* the peer's own counts.
    """
    hops = [hop for header in told for hop in header.split(",")]
    found = peer
    while hops and _is_one(found, proxies):
        address = _address(hops.pop())
        if address is None:
            break
        found = address
    return found


def _is_one(address: str, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    # Without any listed `is_allowed` would let everybody be one.
    return bool(proxies) and _address(address) is not None and is_allowed(address, proxies)


def _address(hop: str) -> str | None:
    """Return the address of a *hop*, with or without its port; None where it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)
