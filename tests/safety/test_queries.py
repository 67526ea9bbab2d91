"""What is asked of a database is written down in the source; what comes from outside is a value, whatever it says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cordwatch.app.rereading.marks import Mark, mark_of, taken_back
from cordwatch.app.rereading.plan import Count, Plan
from cordwatch.app.rereading.said import Said, saying_of
from cordwatch.feeds.receipts import ACCEPTED, Memory, fingerprint_of, receipt_of
from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.base import Event
from tests.builders import a_suspicion, an_mri_ordered
from tests.safety.source import OURS, modules

ASKING = frozenset({"execute", "executemany", "executescript"})
NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PAYLOADS = (
    "'; DROP TABLE said; --",
    "'); DELETE FROM change; --",
    "' OR '1'='1",
    '" OR ""="',
    "x' UNION SELECT fact, told, message FROM taken --",
    "%",
    "_",
    "?",
    ":event",
    "\\'; --",
    "\x00'; DROP TABLE taken; --",
    "[said]",
    "/* */",
)

each_payload = pytest.mark.parametrize("payload", PAYLOADS)


def constants(tree: ast.Module) -> set[str]:
    """Return the names of a module's own level that are one text, for good."""
    found = [
        (target.id, node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    names = [name for name, _ in found]
    return {name for name, value in found if _is_text(value) and names.count(name) == 1}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def made_queries(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that ask a database by anything but a text of the source."""
    fixed = constants(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in ASKING:
            asked = node.args[0] if node.args else node
            is_name = isinstance(asked, ast.Name) and asked.id in fixed
            if not (_is_text(asked) or is_name):
                yield node.lineno


def an_event(payload: str, event: Event) -> Event:
    """Return *event* with *payload* wherever a source writes; a file of ours would not even let it in."""
    told = {
        "event_id": payload,
        "source": payload,
        "source_message_id": payload,
        "patient": payload,
    }
    return event.model_copy(update=told)


def test_no_query_is_made_of_anything() -> None:
    """Each is one text of the source, or its name; and there are some."""
    found = {name: list(made_queries(tree)) for name, tree in modules(*OURS)}
    assert {name: lines for name, lines in found.items() if lines} == {}
    using = {
        name
        for name, tree in modules(*OURS)
        if any(getattr(one, "attr", "") in ASKING for one in ast.walk(tree))
    }
    assert using == {
        "cordwatch.app.rereading.plan",
        "cordwatch.app.rereading.said",
        "cordwatch.feeds.receipts",
    }


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("db.execute('SELECT 1')", False),
        ("ASKED = 'SELECT 1'\ndb.execute(ASKED)", False),
        ("ASKED = 'SELECT 1'\nASKED = other\ndb.execute(ASKED)", True),
        ("db.execute(f'SELECT {column}')", True),
        ("db.execute('SELECT ' + column)", True),
        ("db.execute('SELECT %s' % column)", True),
        ("def ask(asked): db.executescript(asked)", True),
        ("db.executemany('DELETE {}'.format(one), rows)", True),
    ],
)
def test_a_query_that_is_made_is_seen(source: str, wrong: bool) -> None:
    """The check of the check: it can tell."""
    assert bool(list(made_queries(ast.parse(source)))) is wrong


@each_payload
def test_no_value_breaks_out_of_what_was_said(payload: str) -> None:
    """It is found, replaced and forgotten as it is, and nothing else with it."""
    usual, odd = a_suspicion(), an_event(payload, an_mri_ordered(NOW))
    said = Said()
    said.learn([(usual, 1), (odd, 2)])
    assert said.of_message([payload]) == {payload: saying_of(odd)}
    assert said.is_told(fact_of(odd).id)
    assert not said.is_told(payload)
    assert said.taken_back(payload) is None
    said.replace(saying_of(odd), replayed=False)
    said.forget(payload)
    assert said.of_message([payload]) == {}
    assert said.of_message([usual.event_id]) == {usual.event_id: saying_of(usual)}
    said.close()


@each_payload
def test_no_value_breaks_out_of_a_plan(payload: str) -> None:
    """What changes is counted and told under the very words that came."""
    usual, odd = a_suspicion(), an_event(payload, an_mri_ordered(NOW))
    plan, said = Plan(), Said()
    plan.tell("new", usual, fact_of(usual).id)
    plan.tell("changed", odd, payload)
    plan.leave_out(saying_of(odd))
    plan.take_back(saying_of(odd))
    assert plan.taken() == {fact_of(odd).id}
    assert plan.patients() == {usual.patient, payload}
    kinds = [(one.source, one.patient, one.change, one.events) for one in plan.counts()]
    assert sorted(kinds) == sorted(
        [
            (usual.source, usual.patient, "new", 1),
            (payload, payload, "changed", 1),
            (payload, payload, "gone", 1),
        ]
    )
    assert all(isinstance(one, Count) for one in plan.counts())
    plan.give_back(fact_of(usual), _a_mark(usual), payload, NOW)
    assert len(plan) == 3
    assert [one.source_message_id for one in plan.marks()] == [payload]
    plan.close()
    said.close()


def _a_mark(event: Event) -> Mark:
    mark = mark_of(taken_back(fact_of(event), "M1", NOW))
    assert mark is not None
    return mark


@each_payload
def test_no_message_breaks_out_of_the_receipts(payload: str) -> None:
    """Sender, control id and bytes become numbers before they are asked for."""
    line = "MSH|^~\\&|{0}|{0}|CW|H|20260302100000||ADT^A08|{0}|P|2.5\rPID|1||{0}\r"
    odd = fingerprint_of(line.format(payload).encode())
    usual = fingerprint_of(line.format("1").encode())
    memory = Memory()
    memory.learn([receipt_of(usual, ACCEPTED), receipt_of(odd, b"faulty!!")], NOW)
    assert memory.look_up(odd) == (b"faulty!!", False)
    assert memory.look_up(usual) == (ACCEPTED, False)
    assert memory.size == 2
