"""`cordwatch feeds`: run the gateway."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from cordwatch.app.commands.options import kafka_of
from cordwatch.app.commands.settings_options import settings_of, settings_options
from cordwatch.app.commands.source_options import source_of, source_options
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.profile import Profiles
from cordwatch.feeds.service import run
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.logging import get_logger
from cordwatch.runtime.starting import leaving_is_fine
from cordwatch.runtime.wall_clock import WallClock


@click.command()
@settings_options(FeedsSettings)
@settings_options(FhirSettings, "fhir_")
@source_options
@click.pass_context
def feeds(ctx: click.Context, /, **options: Any) -> None:
    """
    Listen for HL7 v2 over MLLP, and for FHIR, and publish it: raw, events, and quarantine.

    A message is answered only after the broker has acknowledged it and its
    events; while no broker does, nothing is answered and, the buffer being full,
    nothing read. What cannot be understood is kept and answered with AE or AR
    and ERR. SIGTERM: what was read is answered, then it ends. SIGHUP: profiles are
    read anew; where they have faults those from before stay.

    FHIR (R4, R4B, R5): --fhir-port opens an endpoint for notifications of
    topic-based subscriptions, --fhir-server names the server that is asked for
    what they refer to, for what is missing, and by search for what changed.

    \b
    Example:  cordwatch feeds --zone Europe/Amsterdam
              cordwatch feeds --profile ris.yaml --profile his.yaml --key-file key
              cordwatch feeds --host 0.0.0.0 --allow 10.1.2.0/24 --key-file key \\
                --tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem
              cordwatch feeds --fhir-port 8443 --fhir-token-file tokens \\
                --fhir-server https://fhir.example/r4 \\
                --fhir-client-id cordwatch --fhir-client-key client.pem
    Exit codes: 0 told to stop, everything answered; 1 told to stop, some not
    answered (their senders send again); 2 wrong use, or the address is taken; 3
    topics are missing; 4 no broker answers; 5 a bad profile; 6 not the key by which
    patients are known; 70 an error of ours (a supervisor starts it again).
    """
    leaving_is_fine()
    kafka = kafka_of(ctx)
    names = ("zone", "charset", "key_file", "profile", "patient_system")
    source = {name: options.pop(name) for name in names}
    settings = settings_of(FeedsSettings, options)
    fhir = settings_of(FhirSettings, options, "fhir_")
    if source["key_file"] is None:
        if not (settings.on_loopback and fhir.on_loopback):
            raise click.UsageError(
                "beyond loopback it takes --key-file: references made with the exercise key are not secret"
            )
        get_logger("cordwatch.feeds").warning("no --key-file: not for real patients")
    sources, clock = source_of(**source), WallClock()
    load = partial(Profiles.of_files, source["profile"]) if source["profile"] else None
    sys.exit(run(settings, kafka, sources, clock, load_sources=load, fhir=fhir))
