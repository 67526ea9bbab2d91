"""`cordwatch board`: run one board."""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cordwatch.app.commands.options import clock_of, environment_of, kafka_of, pack_option
from cordwatch.board.service import run
from cordwatch.board.settings import BoardSettings
from cordwatch.runtime.starting import leaving_is_fine

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ENV = "CORDWATCH_BOARD_"


def _networks(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in (value or "").split(",") if one.strip())
    except ValueError:
        raise click.BadParameter("is a list of addresses and CIDR, with commas") from None


def _listed(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (value or "").split(",") if one.strip())


def _zone(_: click.Context, __: click.Parameter, value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"{value} is not a time zone") from None


@click.command()
@pack_option
@click.option(
    "--name",
    envvar=f"{_ENV}NAME",
    default="board",
    show_default=True,
    help="Of this board: its audit chain is kept under it. Two must not share one.",
)
@click.option("--host", envvar=f"{_ENV}HOST", default="127.0.0.1", show_default=True)
@click.option(
    "--port",
    envvar=f"{_ENV}PORT",
    default=8080,
    show_default=True,
    help="0 takes a free one and logs it.",
)
@click.option(
    "--zone",
    envvar="CORDWATCH_ZONE",
    default="UTC",
    show_default=True,
    callback=_zone,
    help="Time zone of the hospital: in it times are written, and today ends.",
)
@click.option(
    "--access",
    envvar=f"{_ENV}ACCESS",
    type=click.Choice(["none", "header", "jwt"]),
    default="none",
    show_default=True,
    help="How readers are known: not at all (on loopback alone, without names), by a header of the"
    " hospital's proxy, or by a token of its identity provider.",
)
@click.option(
    "--proxies",
    envvar=f"{_ENV}PROXIES",
    callback=_networks,
    metavar="LIST",
    help="header: proxies that are believed, addresses and CIDR, with commas. They send X-Remote-User,"
    " X-Remote-Groups (with commas), and prove by a secret, a certificate or both that it is they.",
)
@click.option(
    "--proxy-secret-file",
    envvar=f"{_ENV}PROXY_SECRET_FILE",
    type=_FILE,
    help="header: file with the secret that the proxy sends (X-Proxy-Secret).",
)
@click.option(
    "--proxy-names",
    envvar=f"{_ENV}PROXY_NAMES",
    callback=_listed,
    metavar="LIST",
    help="header: common or alternative names of the proxies' certificates, with commas."
    " Takes --tls-client-ca.",
)
@click.option(
    "--forwarded-by",
    envvar=f"{_ENV}FORWARDED_BY",
    callback=_networks,
    metavar="LIST",
    help="Proxies that are believed about where a reader sits (X-Forwarded-For), addresses and CIDR,"
    " with commas: for the audit trail and the limits alone. [default: none]",
)
@click.option(
    "--wards-from",
    envvar=f"{_ENV}WARDS_FROM",
    metavar="NAME",
    help="header, jwt: header or claim that names the wards whose patients somebody may see, with commas;"
    " * is all, and who has none sees nobody. [default: everybody sees all]",
)
@click.option("--jwt-issuer", envvar=f"{_ENV}JWT_ISSUER", help="jwt: `iss` of the tokens.")
@click.option("--jwt-audience", envvar=f"{_ENV}JWT_AUDIENCE", help="jwt: `aud` of the tokens.")
@click.option(
    "--jwt-kind",
    envvar=f"{_ENV}JWT_KIND",
    type=click.Choice(["access", "at+jwt", "id"]),
    default="access",
    show_default=True,
    help="jwt: kind of the tokens. access: whatever is not plainly of another kind; at+jwt: says in its"
    " header that it is an access token (RFC 9068); id: an ID token, as some proxies send.",
)
@click.option(
    "--jwt-keys-file",
    envvar=f"{_ENV}JWT_KEYS_FILE",
    type=_FILE,
    help="jwt: file with the provider's public keys (JWKS), read anew when it changes.",
)
@click.option(
    "--jwt-keys-url",
    envvar=f"{_ENV}JWT_KEYS_URL",
    help="jwt: address of these keys (jwks_uri) instead, asked anew every 5 minutes, and for a key"
    " that is not known.",
)
@click.option(
    "--keys-ca",
    envvar=f"{_ENV}KEYS_CA",
    type=_FILE,
    help="PEM file: CA of the addresses of keys. [default: the system's]",
)
@click.option(
    "--url",
    envvar=f"{_ENV}URL",
    help="Address of this board, as browsers and the record system know it. With https cookies are for"
    " TLS alone, wherever it ends. CDS Hooks takes it.",
)
@click.option(
    "--patient-system",
    envvar="CORDWATCH_PATIENT_SYSTEM",
    metavar="URI",
    help="CDS Hooks: Identifier.system of the patient numbers, as for the feeds. Turns CDS Hooks on.",
)
@click.option(
    "--cds-issuers",
    envvar=f"{_ENV}CDS_ISSUERS",
    callback=_listed,
    metavar="LIST",
    help="CDS Hooks: `iss` of the record systems that may ask, with commas.",
)
@click.option(
    "--cds-keys-file",
    envvar=f"{_ENV}CDS_KEYS_FILE",
    type=_FILE,
    help="CDS Hooks: file with their public keys (JWKS).",
)
@click.option(
    "--cds-keys-url", envvar=f"{_ENV}CDS_KEYS_URL", help="CDS Hooks: address of these keys instead."
)
@click.option(
    "--cds-ids-are-numbers",
    envvar=f"{_ENV}CDS_IDS_ARE_NUMBERS",
    is_flag=True,
    help="CDS Hooks: Patient.id is the patient number itself; calls without a Patient are answered.",
)
@click.option(
    "--downtime-file",
    envvar=f"{_ENV}DOWNTIME_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Written every minute: a copy of the board, without names, that opens without this server.",
)
@click.option("--tls-cert", envvar=f"{_ENV}TLS_CERT", type=_FILE, help="PEM file. Turns TLS on.")
@click.option("--tls-key", envvar=f"{_ENV}TLS_KEY", type=_FILE, help="PEM file: its private key.")
@click.option(
    "--tls-key-password-file",
    envvar=f"{_ENV}TLS_KEY_PASSWORD_FILE",
    type=_FILE,
    help="File with the key's password.",
)
@click.option(
    "--tls-client-ca",
    envvar=f"{_ENV}TLS_CLIENT_CA",
    type=_FILE,
    help="PEM file: CA of the peers. Then nobody connects without a certificate of it.",
)
@click.option(
    "--metrics-host", envvar="CORDWATCH_METRICS_HOST", default="127.0.0.1", show_default=True
)
@click.option(
    "--metrics-port",
    envvar="CORDWATCH_METRICS_PORT",
    default=9467,
    show_default=True,
    help="/metrics and /healthz; 0 takes a free port and logs it.",
)
@click.option("--synthetic", is_flag=True, help="Say on every page that the patients are invented.")
@click.option("--clock-speed", default=1.0, hidden=True)
@click.option("--clock-start", hidden=True)
@click.option("--clock-anchor", hidden=True)
@click.option("--embedded", is_flag=True, hidden=True)
@click.pass_context
def board(ctx: click.Context, /, *, embedded: bool, **options: Any) -> None:
    """
    Show every open clock, live: which patient needs what, by when, and who has it in hand.

    Sign-in stays with the hospital. Groups of its identity provider count as
    roles by their names: cordwatch-wall, cordwatch-viewer, cordwatch-clinician,
    cordwatch-coordinator, cordwatch-administrator (docs/board.md). SIGTERM ends
    it at once; what was acknowledged is on the broker.

    \b
    Example:  cordwatch board --zone Europe/Amsterdam
              cordwatch board --host 0.0.0.0 --access header --proxies 10.1.2.3 \\
                --proxy-secret-file secret --downtime-file board.html
              cordwatch board --host 0.0.0.0 --access jwt --jwt-issuer https://id.example \\
                --jwt-audience cordwatch --jwt-keys-url https://id.example/keys
    Exit codes: 0 told to stop; 2 wrong use, or the address is taken; 3 topics are
    missing; 4 no broker answers; 5 a bad pack; 70 an error of ours (a supervisor starts it again).
    """
    leaving_is_fine()
    kafka = kafka_of(ctx)
    if (options["tls_cert"] is None) != (options["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if options["tls_client_ca"] and not options["tls_cert"]:
        raise click.UsageError("--tls-client-ca takes --tls-cert")
    clock = clock_of(ctx, options)
    environment = environment_of(ctx.find_root().obj)
    if options["synthetic"]:
        environment.require_patients("a board that says so (--synthetic)")
    if embedded:
        environment.require_patients("a broker in memory (--embedded)")
        kafka = replace(kafka, api_version=(2, 0))
    options["rsa_bits_min"] = environment.rsa_bits_min
    sys.exit(run(BoardSettings(**options, clock=clock), kafka))
