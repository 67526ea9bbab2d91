"""The bundled day of the demo: invented patients, every deadline rule, and the noise of a hospital."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAY = datetime(2026, 3, 2, tzinfo=UTC)
"""Midnight of the day that is told."""
DAY_FILE = Path(__file__).parent / "data" / "day.hl7"
WARDS = ("HAEM1", "HAEM2", "ONC3", "ACUTE")

WHOLE, LUMBAR, CERVICAL, THORACIC = "30855-1", "24967-2", "24937-5", "24981-3"
CT_SPINE = "24987-0"


@dataclass(slots=True)
class Day:
    """Collects messages with the hour at which each is sent."""

    sent: list[tuple[float, str]] = field(default_factory=list)

    def send(self, hour: float, kind: str, *segments: str) -> None:
        """Add a message of type *kind* sent at *hour*."""
        number = len(self.sent) + 1
        header = f"MSH|^~\\&|DEMO|CORDWATCH|WATCH|CW|{at(hour)}||{kind}|D{number:05}|P|2.5"
        self.sent.append((hour, "\r".join((header, *segments))))

    def text(self) -> bytes:
        """Return the messages in the order of their sending."""
        ordered = sorted(self.sent, key=lambda one: one[0])
        return ("\r\n\r\n".join(message for _, message in ordered) + "\r\n").encode()


def at(hour: float) -> str:
    """Return the HL7 time *hour* hours after midnight of the day."""
    return f"{DAY + timedelta(hours=hour):%Y%m%d%H%M%S}+0000"


def patient(number: int) -> tuple[str, str]:
    """Return PID and PV1 of an invented patient."""
    ward = WARDS[number % len(WARDS)]
    pid = f"PID|1||DEMO{number:03}^^^DEMO^MR||TESTCASE^NUMBER{number}||1950010{1 + number % 9}|U"
    pv1 = f"PV1|1|I|{ward}^1^{1 + number % 8}^DEMO||||||||||||||||V{number:03}"
    return pid, pv1


def admit(day: Day, number: int, hour: float, *, lymphoma: bool = True) -> None:
    """Admit a patient, with the lymphoma on the admission."""
    diagnosis = [f"DG1|1||C83.3^Lymphoma^I10||{at(-900)}|F"] if lymphoma else []
    day.send(hour, "ADT^A01", f"EVN|A01|{at(hour)}", *patient(number), *diagnosis)


def assess(day: Day, number: int, hour: float, told: float | None = None, **found: str) -> None:
    """Record coded findings made at *hour*, sent at *told* (else at once)."""
    record = f"AS{number:03}-{hour:g}"
    rows = [
        f"OBX|{place}|CE|{code.replace('_', '-')}^^99CORDWATCH||{value}||||||F|||{at(hour)}"
        for place, (code, value) in enumerate(found.items(), 1)
    ]
    request = f"OBR|1||{record}|ASSESS^Neurology^L|||{at(hour)}"
    day.send(hour if told is None else told, "ORU^R01", *patient(number), request, *rows)


def order(day: Day, number: int, hour: float, what: str, control: str, **more: str) -> None:
    """Send an order message about imaging *what*: NW, SC (booked), CM (done) or OC (cancelled)."""
    name = more.get("name", f"R{number:03}{what[:5]}")
    status = {"NW": "", "SC": "SC", "CM": "CM", "OC": "CA"}[control]
    common = (
        f"ORC|{'SC' if control in {'SC', 'CM'} else control}|{name}|F{name}||{status}||||{at(hour)}"
    )
    request = ["", "1", name, f"F{name}", f"{what}^^LN", "", "", at(hour)]
    request += [""] * 28 + [more.get("booked", "")]
    fields = "|".join(request[1:37])
    day.send(hour, "ORM^O01", *patient(number), common, f"OBR|{fields}")


def report(day: Day, number: int, hour: float, name: str, finding: str | None) -> None:
    """Send a final report of a whole-spine MRI, with or without a coded conclusion."""
    coded = (
        f"OBX|1|CE|cord-compression^^99CORDWATCH||{finding}||||||F"
        if finding
        else "OBX|1|TX|IMP^Impression^L||see text||||||F"
    )
    fields = f"OBR|1|{name}|F{name}|{WHOLE}^^LN|||{at(hour - 1)}" + "|" * 15 + f"{at(hour)}|||F"
    day.send(hour, "ORU^R01", *patient(number), f"ORC|RE|{name}|F{name}", fields, coded)


def dexamethasone(day: Day, number: int, hour: float, mg: int, told: float | None = None) -> None:
    """Record a dose that was given."""
    fields = f"RXA|0|1|{at(hour)}|{at(hour)}|H02AB02^Dexamethasone^ATC|{mg}|mg" + "|" * 13 + "CP|A"
    sent = hour if told is None else told
    day.send(sent, "RAS^O17", *patient(number), f"ORC|RE|M{number:03}{hour:g}", fields, "RXR|IV")


def treat(day: Day, number: int, hour: float, status: str, booked: str = "") -> None:
    """Send an order message about radiotherapy to the spine: SC (booked) or IP (begun)."""
    name = f"RT{number:03}"
    request = ["1", name, f"F{name}", "77412^^C4", "", "", at(hour)]
    request += [""] * 7 + ["^^^SPINE"] + [""] * 20 + [booked]
    common = f"ORC|SC|{name}|F{name}||{status}||||{at(hour)}"
    day.send(hour, "ORM^O01", *patient(number), common, f"OBR|{'|'.join(request)}")


def _stories(day: Day) -> None:
    for number in range(1, 14):
        admit(day, number, 0.01 * number)
    assess(day, 1, 0.5, suspected_mescc="Y")
    assess(day, 2, 1.0, suspected_mescc="Y")
    order(day, 2, 1.2, WHOLE, "NW", name="R2")
    order(day, 2, 9.5, WHOLE, "CM", name="R2")
    report(day, 2, 10.0, "R2", "positive")
    dexamethasone(day, 2, 10.4, 10)
    treat(day, 2, 10.5, "SC", at(36))
    assess(day, 3, -333.0, 0.2, back_pain="Y")
    assess(day, 4, -165.0, 0.25, radicular_pain="unilateral")
    order(day, 4, 2.0, THORACIC, "CM")
    assess(day, 5, -40.0, 0.3, radicular_deficit="unilateral", developed_over_days="10")
    assess(day, 6, 0.35, radicular_deficit="unilateral", developed_over_days="2")
    order(day, 6, 1.0, WHOLE, "NW", name="R6A")
    order(day, 6, 2.0, WHOLE, "OC", name="R6A")
    order(day, 6, 3.0, THORACIC, "NW", name="R6B")
    order(day, 6, 15.0, THORACIC, "CM", name="R6B")
    assess(day, 7, 2.0, suspected_mescc="Y")
    order(day, 7, 3.0, LUMBAR, "CM")
    order(day, 7, 5.0, CERVICAL, "CM")
    order(day, 7, 5.1, THORACIC, "CM")
    assess(day, 8, 3.0, suspected_mescc="Y")
    order(day, 8, 4.0, CT_SPINE, "CM")
    pid, pv1 = patient(9)
    confirmed = f"DG1|1||G95.2^Cord compression^I10||{at(4)}|F"
    day.send(4.0, "ADT^A08", f"EVN|A08|{at(4)}", pid, pv1, confirmed)
    treat(day, 9, 20.0, "IP")
    assess(day, 10, -336.0, 0.4, suspected_mescc="Y")
    order(day, 10, -330.0, WHOLE, "CM")
    dexamethasone(day, 10, -335.5, 16, 0.45)
    assess(day, 11, 5.0, suspected_mescc="Y")
    pid, pv1 = patient(11)
    dead = pid + "|" * 21 + f"{at(9)}|Y"
    day.send(9.0, "ADT^A08", f"EVN|A08|{at(9)}", dead, pv1)
    assess(day, 12, 6.0, suspected_mescc="Y")
    day.send(8.0, "ADT^A40", f"EVN|A40|{at(8)}", patient(13)[0], "MRG|DEMO012^^^DEMO^MR")
    order(day, 13, 11.4, WHOLE, "CM")
    admit(day, 14, 0.15)
    assess(day, 14, 7.0, suspected_mescc="Y")
    order(day, 14, 7.5, WHOLE, "SC", name="R14", booked=at(22))
    order(day, 14, 17.0, WHOLE, "CM", name="R14")
    report(day, 14, 18.0, "R14", None)


def _noise(day: Day) -> None:
    for number in range(100, 160):
        hour = (number * 7 % 240) / 10
        admit(day, number, hour, lymphoma=False)
        glucose = f"OBX|1|NM|2345-7^Glucose^LN||{80 + number % 60}|mg/dL|||||F"
        request = f"OBR|1|L{number}|FL{number}|2345-7^Glucose^LN|||{at(hour + 0.2)}"
        day.send(hour + 0.3, "ORU^R01", *patient(number), request, glucose)
        for again in (1, 2):
            later = hour + again / 2
            day.send(later, "ADT^A08", f"EVN|A08|{at(later)}", *patient(number))
    day.send(6.5, "ADT^A01", f"EVN|A01|{at(6.5)}", "PID|1||||TESTCASE^NONUMBER", "PV1|1|I|HAEM1")


def _messages() -> Iterator[bytes]:
    day = Day()
    _stories(day)
    _noise(day)
    yield day.text()


def day_bytes() -> bytes:
    """Return the day as the bundled file holds it."""
    return b"".join(_messages())


if __name__ == "__main__":
    DAY_FILE.parent.mkdir(exist_ok=True)
    DAY_FILE.write_bytes(day_bytes())
