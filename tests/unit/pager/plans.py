"""Pager plans for tests: a small one, and the same with a part exchanged."""

from __future__ import annotations

from pathlib import Path

from cordwatch.pager.plan import Plan, load_plan

EXAMPLE = Path(__file__).parents[3] / "services" / "cordwatch" / "pager" / "plans" / "example.yaml"

SMALL = """\
zone: Europe/Amsterdam
destinations:
  nurse: {kind: nowhere}
  doctor: {kind: nowhere}
  doctor-sms: {kind: nowhere}
  manager: {kind: nowhere}
roster:
  - {role: nurse-in-charge, wards: [HAEM-4], by: [nurse]}
  - {role: ward-physician, hours: 'mon-fri 08:00-18:00', by: [doctor, doctor-sms]}
  - {role: duty-manager, by: [manager]}
ladder:
  operational: {tell: [duty-manager]}
  advisory: {tell: [duty-manager]}
  notice: {tell: [ward-physician], then: [duty-manager]}
  reminder: {tell: [ward-physician], then: [duty-manager]}
  warning: {tell: [ward-physician], then: [duty-manager]}
  urgent: {tell: [ward-physician, nurse-in-charge], then: [duty-manager]}
  prompt: {tell: [ward-physician], then: [duty-manager], answer_within: 5 min, again_after: 30 min}
  due: {tell: [ward-physician], then: [duty-manager]}
  overdue: {tell: [duty-manager]}
mute:
  - {hours: '22:00-07:00', steps: [reminder]}
"""


def plan_of(folder: Path, text: str = SMALL, **changes: str) -> Plan:
    """Return the plan in *text*, with each line that begins like a key of *changes* exchanged for its value."""
    return load_plan(plan_file(folder, text, **changes))


def plan_file(folder: Path, text: str = SMALL, **changes: str) -> Path:
    """Write that plan, and return where it is."""
    lines = []
    for line in text.splitlines():
        start = next((key for key in changes if line.strip().startswith(key)), None)
        lines.append(changes[start] if start else line)
    path = folder / "plan.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
