"""Each rule over several fields refuses what does not fit together; and each such rule of the code is in the paper."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from cordwatch.app.cli import cordwatch
from cordwatch.board.access import Reader
from cordwatch.board.answering import Form, answer_of
from cordwatch.board.entrance import Entrance
from cordwatch.board.settings import BoardSettings
from cordwatch.board.signing import ByHeader
from cordwatch.feeds.fhir_exchange.settings import FhirSettings
from cordwatch.feeds.profile import Events, FieldRule, Silence
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.pager import plan_faults
from cordwatch.pager.plan import Mute
from cordwatch.pager.settings import PagerSettings
from cordwatch.pager.transports.settings import Alertmanager, Email
from cordwatch.runtime.environment import Environment
from cordwatch.runtime.kafka_security import KafkaSecurity
from cordwatch.runtime.metrics_tls import MetricsTls
from cordwatch.synthetic.settings import SyntheticSettings
from cordwatch_schemas.imaging import ImagingOrdered
from cordwatch_schemas.pack import DeadlineRule, Pack, Repeats, load_pack
from cordwatch_schemas.pack_choice import PackAt
from cordwatch_schemas.pack_examples import Happening, Raised
from tests.builders import T, an_mri_ordered
from tests.safety.inventories import consistency
from tests.safety.source import SHIPPED, modules, places

HERE = Path(__file__)
PACK = load_pack("mescc-lymphoma")
RULE = PACK.rules[0].model_dump()
ANYWHERE = "0.0.0.0"  # noqa: S104 - refused, in each case
MAIL = {"kind": "email", "host": "mail.example", "sender": "a@b.example", "to": ["c@d.example"]}
LADDER = {"due": {"tell": ["nurse"], "quiet_for": "15 min"}}
ROSTER = [{"role": "nurse", "by": ["phone"]}]

Case = tuple[Callable[[], object], str]


def of(model: Any, **fields: Any) -> Callable[[], object]:
    """Return what makes a model of these fields."""
    return lambda: model.model_validate(fields)


def between(**plan: Any) -> Callable[[], object]:
    """Return what tells the faults between the parts of a plan."""

    def look() -> None:
        found = plan_faults.faults_between(
            plan, ["due"], {"due"}, {"mri.suspected"}, "synthetic-patient"
        )
        if told := [f"{'.'.join(map(str, way))} {fault}" for way, fault in found]:
            raise ValueError("; ".join(told))

    return look


def a_plan(**changes: Any) -> Callable[[], object]:
    """Return the same for a plan that fits, but for *changes*."""
    whole: dict[str, Any] = {
        "destinations": {"phone": {"kind": "pagerduty"}, "room": {"kind": "slack"}},
        "roster": ROSTER,
        "ladder": LADDER,
        "by_rule": [],
    }
    return between(**(whole | changes))


def entrance(**settings: Any) -> Callable[[], object]:
    """Return what builds the entrance of a board."""
    return lambda: Entrance.of(BoardSettings(**settings))


def command(*arguments: str) -> Callable[[], object]:
    """Return what runs a command, and raises what it says when it is used wrongly."""

    def run() -> None:
        done = CliRunner().invoke(cordwatch, arguments)
        if done.exit_code == 2:
            raise ValueError(done.output)

    return run


def a_form(**fields: str) -> Callable[[], object]:
    """Return what reads a form that acknowledges."""
    return lambda: Form.read("acknowledge", {"key": "k", "reason": "seen", **fields})


def _pack_with(**changes: Any) -> Callable[[], object]:
    return lambda: Pack.model_validate(PACK.model_dump(exclude={"examples"}) | changes)


def _levels(*at: float) -> list[Mapping[str, Any]]:
    names = [*("reminder", "warning", "urgent")[: len(at) - 1], "due"]
    return [{"level": name, "at": one} for name, one in zip(names, at, strict=True)]


def an_answer_to_an_old_row() -> object:
    """Return what never comes: the row has changed since the form was made."""
    row: Any = SimpleNamespace(version="new")
    form = Form("acknowledge", "k", "old", "seen", "", "")
    return answer_of(form, row, Reader("n.jansen", frozenset()), T(0))


CASES: dict[str, list[Case]] = {
    "cordwatch_schemas.imaging:ImagingEvent_._has_a_number": [
        (
            of(
                ImagingOrdered,
                **an_mri_ordered(T(0)).model_dump()
                | {"order_number": None, "accession_number": None},
            ),
            "order_number or accession_number",
        )
    ],
    "cordwatch_schemas.pack:Repeats._bounded": [
        (of(Repeats, every="30 s", lasting="1 h"), "at least 1 min"),
        (of(Repeats, every="1 h", lasting="30 min"), "at least as long as every"),
    ],
    "cordwatch_schemas.pack:DeadlineRule._team_where_consulted": [
        (
            of(DeadlineRule, **RULE | {"satisfied_by": "team-consulted", "team": ()}),
            "team goes with",
        ),
        (of(DeadlineRule, **RULE | {"team": ("radiation-oncologist",)}), "team goes with"),
    ],
    "cordwatch_schemas.pack:DeadlineRule._levels_rise_to_due": [
        (of(DeadlineRule, **RULE | {"levels": _levels(0.9, 0.5, 1.0)}), "levels must rise"),
        (of(DeadlineRule, **RULE | {"levels": _levels(0.5, 0.9)}), "last level must be due"),
        (of(DeadlineRule, **RULE | {"window": timedelta(0)}), "longer than nothing"),
    ],
    "cordwatch_schemas.pack:Pack._examples_once": [
        (
            lambda: Pack.model_validate(
                PACK.model_copy(update={"examples": PACK.examples[:1] * 2}).__dict__
            ),
            "examples given twice",
        )
    ],
    "cordwatch_schemas.pack:Pack._ids_once": [
        (_pack_with(rules=[RULE, RULE]), "given twice"),
        (_pack_with(notices=[one.model_dump() for one in PACK.notices[:1] * 2]), "given twice"),
    ],
    "cordwatch_schemas.pack_choice:PackAt._somewhere": [
        (of(PackAt, pack="nice-ng234"), "neither facility nor ward")
    ],
    "cordwatch_schemas.pack_examples:Happening._is_an_event": [
        (of(Happening, what="imaging-ordered", at="T0"), "is no imaging-ordered"),
    ],
    "cordwatch_schemas.pack_examples:_Run._a_run_has_a_step": [
        (
            of(Raised, at="T1", severity="critical", level="due", times=2),
            "times goes with every",
        ),
        (
            of(Raised, at="T1", severity="critical", level="due", every="1 h"),
            "times goes with every",
        ),
    ],
    "cordwatch.pager.plan:Mute._never_what_presses": [
        (of(Mute, steps=["due"], hours="22:00-07:00"), "never muted"),
    ],
    "cordwatch.pager.plan_faults:faults_between": [
        (a_plan(destinations={"synthetic-patient": {"kind": "nowhere"}}), "the pager itself needs"),
    ],
    "cordwatch.pager.plan_faults:_ladder": [(a_plan(ladder={}), "has no step for due")],
    "cordwatch.pager.plan_faults:_roster": [
        (a_plan(roster=[{"role": "nurse", "by": ["phone", "phone"]}]), "named before"),
        (a_plan(roster=[{"role": "nurse", "by": ["nobody"]}]), "none of the destinations"),
        (a_plan(roster=[{"role": "nurse", "by": ["room"]}]), "has rooms only"),
    ],
    "cordwatch.pager.plan_faults:_by_rule": [
        (a_plan(by_rule=[{"rule": "mri.gone", "steps": {}}]), "is no rule, notice or advisory"),
        (
            a_plan(by_rule=[{"rule": "mri.suspected", "steps": LADDER}] * 2),
            "given before for the same rule",
        ),
    ],
    "cordwatch.pager.plan_faults:_nobody": [
        (a_plan(roster=[{"role": "manager", "by": ["phone"]}]), "tells nobody"),
    ],
    "cordwatch.pager.plan_faults:_quiet_for_good": [
        (
            a_plan(ladder={"due": {"tell": ["nurse"], "quiet_for": None}}),
            "never silences what presses",
        ),
    ],
    "cordwatch.pager.transports.settings:Alertmanager._fit": [
        (
            of(Alertmanager, kind="alertmanager", urls=["http://a:9093"], resend="1 s"),
            "5 s to 5 min",
        ),
        (
            of(Alertmanager, kind="alertmanager", urls=["http://a:9093"], resend="1 h"),
            "5 s to 5 min",
        ),
    ],
    "cordwatch.pager.transports.settings:Email._fit": [
        (of(Email, **MAIL, security="none"), "this very machine only"),
        (of(Email, **MAIL, username="cordwatch"), "go together"),
    ],
    "cordwatch.feeds.profile:FieldRule._does_something": [(of(FieldRule), "says nothing")],
    "cordwatch.feeds.profile:Events._one_of_them": [
        (of(Events, only=["ADT^A01"], ignore=["ADT^A02"]), "exclude each other"),
    ],
    "cordwatch.feeds.profile:Silence._in_order": [
        (of(Silence, at_least=60, at_most=30), "at_most is below at_least"),
        (of(Silence, at_least=60, types={"ADT": {"at_most": 30}}), "ADT at_most is below"),
    ],
    "cordwatch.runtime.listening:Listening._tls_fits": [
        (of(FeedsSettings, tls_cert="c.pem"), "go together"),
        (of(FeedsSettings, tls_key="k.pem"), "go together"),
        (of(FeedsSettings, tls_client_ca="ca.pem"), "needs tls_cert"),
    ],
    "cordwatch.feeds.settings:FeedsSettings._fit_together": [
        (of(FeedsSettings, host=ANYWHERE), "say who may connect"),
    ],
    "cordwatch.feeds.fhir_exchange.settings:FhirSettings._fit_together": [
        (of(FhirSettings, host=ANYWHERE, port=1), "how a sender is known"),
        (of(FhirSettings, host=ANYWHERE, port=1, token_file="t"), "it takes tls_cert"),  # noqa: S106
        (of(FhirSettings, server="http://fhir.example/r4"), "https URLs"),
        (of(FhirSettings, server="https://fhir.example", client_id="c"), "go together"),
        (of(FhirSettings, client_id="c", client_key="k"), "needs server"),
    ],
    "cordwatch.pager.settings:PagerSettings._fit_together": [
        (of(PagerSettings, plan="p", port=1), "nobody answers unsigned"),
        (
            of(PagerSettings, plan="p", port=1, host=ANYWHERE, pagerduty_secret_file="s"),  # noqa: S106
            "answers name staff",
        ),
    ],
    "cordwatch.synthetic.settings:SyntheticSettings._a_round_ends_before_the_next": [
        (of(SyntheticSettings, period_s=20, patience_s=20), "must be less than period_s"),
    ],
    "cordwatch.runtime.environment:Environment.__post_init__": [
        (lambda: Environment("production", frozenset({"plaintxt"})), "no such risk"),
    ],
    "cordwatch.runtime.kafka_security:KafkaSecurity.__post_init__": [
        (lambda: KafkaSecurity(ca=HERE), "only with kafka-security"),
        (lambda: KafkaSecurity("ssl", cert=HERE), "does not go without the other"),
        (lambda: KafkaSecurity("ssl", key_password_file=HERE), "there is no kafka-key"),
        (lambda: KafkaSecurity("sasl_ssl", username="u"), "needs kafka-username"),
        (lambda: KafkaSecurity("ssl", username="u"), "only with kafka-security sasl_ssl"),
    ],
    "cordwatch.runtime.metrics_tls:MetricsTls.__post_init__": [
        (lambda: MetricsTls(tls_cert=HERE), "metrics-tls-key go together"),
        (lambda: MetricsTls(tls_client_ca=HERE), "only with metrics-tls-cert"),
    ],
    "cordwatch.board.signing:ByHeader.__post_init__": [
        (lambda: ByHeader((), b"x" * 16), "no proxy is listed"),
        (lambda: ByHeader(({},), None), "proves nothing"),  # type: ignore[arg-type]
    ],
    "cordwatch.board.entrance:_sign_in": [
        (entrance(proxy_names=("proxy",)), "takes --tls-client-ca"),
        (entrance(host=ANYWHERE), "loopback alone"),
        (entrance(wards_from="wards"), "nobody says who asks"),
        (entrance(access="jwt", jwt_issuer="i"), "--jwt-audience"),
    ],
    "cordwatch.board.entrance:_by_header": [
        (entrance(access="header"), "--proxy-secret-file or --proxy-names"),
    ],
    "cordwatch.board.entrance:_keys": [
        (entrance(access="jwt", jwt_issuer="i", jwt_audience="a"), "it takes one"),
        (
            entrance(
                access="jwt",
                jwt_issuer="i",
                jwt_audience="a",
                jwt_keys_file=HERE,
                jwt_keys_url="https://i/",
            ),
            "it takes one",
        ),
    ],
    "cordwatch.board.entrance:_cds": [
        (entrance(cds_issuers=("i",)), "takes --patient-system"),
        (entrance(patient_system="urn:mrn"), "takes --url"),
        (
            entrance(patient_system="urn:mrn", url="https://b", cds_keys_file=HERE),
            "takes --cds-issuers",
        ),
    ],
    "cordwatch.app.commands.board:board": [
        (command("board", "--tls-cert", str(HERE)), "go together"),
        (command("board", "--tls-client-ca", str(HERE)), "takes --tls-cert"),
    ],
    "cordwatch.board.answering:Form.read": [
        (a_form(reason="other"), "needs words"),
        (lambda: Form.read("classify", {"key": "k", "reason": "positive"}), "No report is named"),
    ],
    "cordwatch.board.answering:answer_of": [
        (an_answer_to_an_old_row, "^Outdated"),
    ],
}


def test_every_rule_of_the_paper_is_tried_and_every_case_is_in_it() -> None:
    """Both ways."""
    listed = [rule.code for group in consistency().groups for rule in group.rules]
    assert sorted(listed) == sorted(CASES)


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        pytest.param(*case, id=f"{code}-{n}")
        for code, cases in CASES.items()
        for n, case in enumerate(cases)
    ],
)
def test_what_does_not_fit_together_is_refused(attempt: Callable[[], object], said: str) -> None:
    """With the reason, which names the fields."""
    with pytest.raises(Exception) as refused:  # noqa: PT011 - each has a kind of its own
        attempt()
    assert re.search(said, f"{type(refused.value).__name__}: {refused.value}")


def test_a_plan_that_fits_is_not_refused() -> None:
    """The check of the check: it is the changes that are wrong."""
    assert a_plan()() is None


def test_every_check_over_several_fields_is_in_the_paper() -> None:
    """Validators of whole models, what a frozen value refuses when it is made, and the faults between the parts of a plan."""
    listed = {rule.code for group in consistency().groups for rule in group.rules}
    found = set()
    for place in places(*SHIPPED):
        node = place.node
        if not isinstance(node, ast.FunctionDef):
            continue
        whole = any("model_validator" in ast.unparse(one) for one in node.decorator_list)
        refuses = node.name == "__post_init__" and any(
            isinstance(one, ast.Raise) for one in ast.walk(node)
        )
        if whole or refuses:
            found.add(place.name)
    tree = dict(modules(*SHIPPED))["cordwatch.pager.plan_faults"]
    calls = {
        one.value.func.id
        for one in ast.walk(tree)
        if isinstance(one, ast.YieldFrom)
        and isinstance(one.value, ast.Call)
        and isinstance(one.value.func, ast.Name)
    }
    found |= {f"cordwatch.pager.plan_faults:{name}" for name in calls}
    assert len(found) > 25
    assert found - listed == set()
