"""From a pager plan to its transports, all that is wrong with their keys and certificates said at once."""

from __future__ import annotations

from collections.abc import Iterator

from cordwatch.pager.plan import Plan
from cordwatch.pager.text import Wording
from cordwatch.pager.transports import settings as of
from cordwatch.pager.transports.acm import AcmTransport
from cordwatch.pager.transports.alertmanager import AlertmanagerTransport
from cordwatch.pager.transports.email import EmailTransport
from cordwatch.pager.transports.http import HttpSender
from cordwatch.pager.transports.mllp import MllpSender
from cordwatch.pager.transports.nowhere import NowhereTransport
from cordwatch.pager.transports.pagerduty import PagerDutyTransport
from cordwatch.pager.transports.rooms import SlackTransport, TeamsTransport, address_of
from cordwatch.pager.transports.secrets import NoSecret, Secret
from cordwatch.pager.transports.transport import Transport
from cordwatch.pager.transports.webhook import WebhookTransport, key_of


class BadDestinations(ValueError):
    """Destinations cannot be used as the plan has them; one line for each fault, with destination and file."""


def wording_of(plan: Plan) -> Wording:
    """Return what *plan* says about texts."""
    return Wording(plan.zone, plan.board_url, plan.show_ward, plan.show_reference)


def transports_of(plan: Plan) -> dict[str, Transport]:
    """
    Return a transport for each destination of *plan*, by name; nothing is sent yet.

    Raises:
        BadDestinations: a secret or certificate is missing; all faults at once.
    """
    wording = wording_of(plan)
    found: dict[str, Transport] = {}
    faults: list[str] = []
    for name, destination in plan.destinations.items():
        faults += _missing(name, destination)
        try:
            found[name] = transport_of(name, destination, wording)
        except OSError as error:
            ca_file = getattr(destination, "ca_file", None)
            faults.append(f"destination {name}: {ca_file} is no CA file ({type(error).__name__})")
    if faults:
        raise BadDestinations("\n".join(faults))
    return found


def transport_of(name: str, destination: of.Destination, wording: Wording) -> Transport:
    """
    Return the transport of one destination.

    Raises:
        OSError: its CA file cannot be read.
    """
    match destination:
        case of.Nowhere():
            return NowhereTransport(name)
        case of.Email():
            return EmailTransport(name, destination, wording)
        case of.Acm(host=host, port=port, tls=tls, ca_file=ca_file):
            return AcmTransport(
                name, destination, wording, MllpSender(host, port, tls=tls, ca_file=ca_file)
            )
        case _:
            return _over_http(name, destination, wording)


def _over_http(
    name: str,
    destination: of.PagerDuty | of.Alertmanager | of.Webhook | of.Slack | of.Teams,
    wording: Wording,
) -> Transport:
    sender = HttpSender(ca_file=destination.ca_file, proxy=destination.proxy)
    match destination:
        case of.PagerDuty():
            return PagerDutyTransport(name, destination, wording, sender)
        case of.Alertmanager():
            return AlertmanagerTransport(name, destination, wording, sender)
        case of.Webhook():
            return WebhookTransport(name, destination, wording, sender)
        case of.Slack():
            return SlackTransport(name, destination, wording, sender)
        case of.Teams():
            return TeamsTransport(name, destination, wording, sender)


def _missing(name: str, destination: of.Destination) -> Iterator[str]:
    """Yield what is wrong with the secrets of a destination."""
    for where in of.secrets_of(destination):
        secret = Secret(name, where)
        try:
            lines = secret.lines()
            if isinstance(destination, of.Webhook):
                [key_of(line, secret) for line in lines]
            if isinstance(destination, of.Slack | of.Teams):
                address_of(lines[0], secret)
        except NoSecret as fault:
            yield str(fault)
