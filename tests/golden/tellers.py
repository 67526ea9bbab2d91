"""One story, told in HL7 v2 and in FHIR: each sentence has the same name in both tongues."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from cordwatch.app import demo_day as v2

LYMPHOMA, COMPRESSION = "C83.3", "G95.2"
LOINC, ATC, ICD, CPT = (
    "http://loinc.org",
    "http://www.whocc.no/atc",
    "http://hl7.org/fhir/sid/icd-10",
    "http://www.ama-assn.org/go/cpt",
)
FINDINGS = "urn:cordwatch:findings"


class Teller(Protocol):
    """What can be said of a patient; hours count from midnight of the day that is told."""

    def admit(self, number: int, hour: float) -> None:
        """The patient, who has a lymphoma, was admitted."""

    def assess(self, number: int, hour: float, **found: str) -> None:
        """Findings were written down."""

    def correct(self, number: int, hour: float, made: float, **found: str) -> None:
        """What was found at *made* is corrected at *hour*."""

    def withdraw(self, number: int, hour: float, made: float, **found: str) -> None:
        """What was found at *made* had been entered in error."""

    def order(self, number: int, hour: float, control: str, **more: str) -> None:
        """An MRI of the whole spine: NW, OC (cancelled), CM (made)."""

    def book(self, number: int, hour: float, name: str, start: float) -> None:
        """The scan was booked."""

    def report(self, number: int, hour: float, name: str, finding: str | None) -> None:
        """The scan, made an hour before, was reported."""

    def give(self, number: int, hour: float, mg: int) -> None:
        """Dexamethasone was given."""

    def radiate(self, number: int, hour: float) -> None:
        """Radiotherapy of the spine began."""

    def merge(self, survivor: int, retired: int, hour: float) -> None:
        """Two records are of one person."""

    def diagnose(self, number: int, hour: float, *, wrong: bool = False) -> None:
        """Cord compression, confirmed; or never was."""

    def die(self, number: int, hour: float) -> None:
        """The patient died."""

    def data(self) -> bytes:
        """Return all of it as a file."""


@dataclass
class Hl7:
    """HL7 v2.5."""

    day: v2.Day = field(default_factory=v2.Day)

    def admit(self, number: int, hour: float) -> None:
        """A01 with DG1."""
        v2.admit(self.day, number, hour)

    def assess(self, number: int, hour: float, **found: str) -> None:
        """ORU."""
        v2.assess(self.day, number, hour, None, **found)

    def correct(self, number: int, hour: float, made: float, **found: str) -> None:
        """ORU with OBX-11 C."""
        self._again(number, hour, made, "C", found)

    def withdraw(self, number: int, hour: float, made: float, **found: str) -> None:
        """ORU with OBX-11 W."""
        self._again(number, hour, made, "W", found)

    def _again(
        self, number: int, hour: float, made: float, status: str, found: dict[str, str]
    ) -> None:
        rows = [
            f"OBX|{place}|CE|{code.replace('_', '-')}^^99CORDWATCH||{value}||||||{status}|||{v2.at(made)}"
            for place, (code, value) in enumerate(found.items(), 1)
        ]
        request = f"OBR|1||AS{number:03}-{made:g}|ASSESS^Neurology^L|||{v2.at(made)}"
        self.day.send(hour, "ORU^R01", *v2.patient(number), request, *rows)

    def order(self, number: int, hour: float, control: str, **more: str) -> None:
        """ORM."""
        v2.order(self.day, number, hour, v2.WHOLE, control, **more)

    def book(self, number: int, hour: float, name: str, start: float) -> None:
        """SIU S12."""
        schedule = "SCH|A1|" + "|" * 23 + f"|{name}|F{name}"
        service = f"AIS|1||{v2.WHOLE}^^LN|{v2.at(start)}"
        self.day.send(hour, "SIU^S12", schedule, *v2.patient(number), service)

    def report(self, number: int, hour: float, name: str, finding: str | None) -> None:
        """ORU."""
        v2.report(self.day, number, hour, name, finding)

    def give(self, number: int, hour: float, mg: int) -> None:
        """RAS."""
        v2.dexamethasone(self.day, number, hour, mg)

    def radiate(self, number: int, hour: float) -> None:
        """ORM IP."""
        v2.treat(self.day, number, hour, "IP")

    def merge(self, survivor: int, retired: int, hour: float) -> None:
        """A40."""
        prior = f"MRG|DEMO{retired:03}^^^DEMO^MR"
        self.day.send(hour, "ADT^A40", f"EVN|A40|{v2.at(hour)}", v2.patient(survivor)[0], prior)

    def diagnose(self, number: int, hour: float, *, wrong: bool = False) -> None:
        """A08 with DG1."""
        pid, pv1 = v2.patient(number)
        row = ["DG1", "1", "", f"{COMPRESSION}^^I10", "", v2.at(hour), "F", *[""] * 14]
        row += ["D"] if wrong else []
        self.day.send(hour, "ADT^A08", f"EVN|A08|{v2.at(hour)}", pid, pv1, "|".join(row))

    def die(self, number: int, hour: float) -> None:
        """A08 with PID-29 and 30."""
        pid, pv1 = v2.patient(number)
        dead = f"{pid}{'|' * 21}{v2.at(hour)}|Y"
        self.day.send(hour, "ADT^A08", f"EVN|A08|{v2.at(hour)}", dead, pv1)

    def data(self) -> bytes:
        """Return the messages."""
        return self.day.text()


def instant(hour: float) -> str:
    """Return the FHIR time *hour* hours after midnight of the day."""
    return f"{v2.DAY + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


def code(system: str, value: str) -> dict[str, Any]:
    """Return a CodeableConcept."""
    return {"coding": [{"system": system, "code": value}]}


def identifier(value: str, kind: str) -> dict[str, Any]:
    """Return an Identifier of a type of table 0203."""
    return {"type": code("http://terminology.hl7.org/CodeSystem/v2-0203", kind), "value": value}


@dataclass
class Fhir:
    """FHIR, in the shapes of a release: R4 (R4B has the same for what is told here) or R5."""

    release: str = "R4"
    lines: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def is_r5(self) -> bool:
        """Return whether the shapes are those of R5."""
        return self.release == "R5"

    def say(self, hour: float, kind: str, name: str, **members: Any) -> None:
        """Add a version of a resource, written at *hour*."""
        key = f"{kind}/{name}"
        self.versions[key] = self.versions.get(key, 0) + 1
        meta = {"versionId": str(self.versions[key]), "lastUpdated": instant(hour)}
        self.lines.append((hour, {"resourceType": kind, "id": name, "meta": meta, **members}))

    def of(self, number: int) -> dict[str, Any]:
        """Return subject and encounter of a resource."""
        return {
            "subject": {"reference": f"Patient/p{number}"},
            "encounter": {"reference": f"Encounter/v{number}"},
        }

    def reference(self, concept: dict[str, Any]) -> Any:
        """Return a concept as R5 has it where a reference would do as well."""
        return {"concept": concept} if self.is_r5 else concept

    def person(self, number: int, hour: float, **more: Any) -> None:
        """Tell the Patient."""
        numbers = [identifier(f"DEMO{number:03}", "MR")]
        self.say(hour, "Patient", f"p{number}", identifier=numbers, **more)

    def admit(self, number: int, hour: float) -> None:
        """Patient, Encounter and Condition."""
        self.person(number, hour)
        ward = v2.WARDS[number % len(v2.WARDS)]
        actual = "actualPeriod" if self.is_r5 else "period"
        coding = {"code": "IMP"}
        self.say(
            hour,
            "Encounter",
            f"v{number}",
            identifier=[{"value": f"V{number:03}"}],
            status="in-progress",
            subject={"reference": f"Patient/p{number}"},
            location=[{"location": {"display": ward}}],
            serviceProvider={"display": "DEMO"},
            **{actual: {"start": instant(hour)}},
            **{"class": [{"coding": [coding]}] if self.is_r5 else coding},
        )
        self.say(
            hour,
            "Condition",
            f"lymphoma{number}",
            code=code(ICD, LYMPHOMA),
            verificationStatus=code("ver", "confirmed"),
            onsetDateTime=instant(-900),
            **self.of(number),
        )

    def assess(self, number: int, hour: float, **found: str) -> None:
        """One Observation with its components."""
        self._assessed(number, hour, hour, "final", found)

    def correct(self, number: int, hour: float, made: float, **found: str) -> None:
        """The same, corrected."""
        self._assessed(number, hour, made, "corrected", found)

    def withdraw(self, number: int, hour: float, made: float, **found: str) -> None:
        """The same, entered in error."""
        self._assessed(number, hour, made, "entered-in-error", found)

    def _assessed(
        self, number: int, hour: float, made: float, status: str, found: dict[str, str]
    ) -> None:
        parts = [
            {"code": code(FINDINGS, name.replace("_", "-")), "valueString": value}
            for name, value in found.items()
        ]
        self.say(
            hour,
            "Observation",
            f"a{number}-{made:g}",
            status=status,
            code=code("urn:house", "ASSESS"),
            effectiveDateTime=instant(made),
            component=parts,
            **self.of(number),
        )

    def order(self, number: int, hour: float, control: str, **more: str) -> None:
        """ServiceRequest, and ImagingStudy for a scan that was made."""
        name = more.get("name", f"R{number:03}{v2.WHOLE[:5]}")
        what = code(LOINC, v2.WHOLE)
        if control == "CM":
            self.say(
                hour,
                "ImagingStudy",
                f"s{name}",
                identifier=[identifier(f"F{name}", "ACSN")],
                status="available",
                started=instant(hour),
                basedOn=[{"reference": f"ServiceRequest/{name}"}],
                **{"procedure" if self.is_r5 else "procedureCode": [self.reference(what)]},
                **self.of(number),
            )
            return
        self.say(
            hour,
            "ServiceRequest",
            name,
            identifier=[identifier(name, "PLAC"), identifier(f"F{name}", "FILL")],
            status={"NW": "active", "OC": "revoked"}[control],
            intent="order",
            code=self.reference(what),
            authoredOn=instant(hour),
            **self.of(number),
        )

    def book(self, number: int, hour: float, name: str, start: float) -> None:
        """Appointment."""
        subject = {"reference": f"Patient/p{number}"}
        self.say(
            hour,
            "Appointment",
            f"b{name}",
            status="booked",
            start=instant(start),
            created=instant(hour),
            basedOn=[{"reference": f"ServiceRequest/{name}"}],
            participant=[{"actor": subject, "status": "accepted"}],
            **({"subject": subject} if self.is_r5 else {}),
        )

    def report(self, number: int, hour: float, name: str, finding: str | None) -> None:
        """DiagnosticReport with a coded conclusion."""
        conclusion = {"conclusionCode": [code(FINDINGS, finding)]} if finding else {}
        self.say(
            hour,
            "DiagnosticReport",
            f"d{name}",
            status="final",
            code=code(LOINC, v2.WHOLE),
            basedOn=[{"reference": f"ServiceRequest/{name}"}],
            effectiveDateTime=instant(hour - 1),
            issued=instant(hour),
            **conclusion,
            **self.of(number),
        )

    def give(self, number: int, hour: float, mg: int) -> None:
        """MedicationAdministration."""
        drug, when = code(ATC, "H02AB02"), instant(hour)
        self.say(
            hour,
            "MedicationAdministration",
            f"m{number}-{hour:g}",
            status="completed",
            dosage={
                "dose": {"value": mg, "code": "mg"},
                "route": code("http://snomed.info/sct", "47625008"),
            },
            **(
                {"medication": {"concept": drug}}
                if self.is_r5
                else {"medicationCodeableConcept": drug}
            ),
            **{"occurenceDateTime" if self.is_r5 else "effectiveDateTime": when},
            **self.of(number),
        )

    def radiate(self, number: int, hour: float) -> None:
        """Procedure."""
        self.say(
            hour,
            "Procedure",
            f"rt{number}",
            status="in-progress",
            code=code(CPT, "77412"),
            bodySite=[{"text": "Spine"}],
            **{"occurrencePeriod" if self.is_r5 else "performedPeriod": {"start": instant(hour)}},
            **self.of(number),
        )

    def merge(self, survivor: int, retired: int, hour: float) -> None:
        """Patient with a link to who took its place."""
        other = {"reference": f"Patient/p{survivor}"}
        self.person(survivor, hour)
        self.person(retired, hour, active=False, link=[{"type": "replaced-by", "other": other}])

    def diagnose(self, number: int, hour: float, *, wrong: bool = False) -> None:
        """Condition."""
        sure = "refuted" if wrong else "confirmed"
        self.say(
            hour,
            "Condition",
            f"compression{number}",
            code=code(ICD, COMPRESSION),
            verificationStatus=code("ver", sure),
            onsetDateTime=instant(hour),
            **self.of(number),
        )

    def die(self, number: int, hour: float) -> None:
        """Patient with the time of death."""
        self.person(number, hour, deceasedDateTime=instant(hour))

    def data(self) -> bytes:
        """Return the resources, one a line, as they were written."""
        ordered = sorted(self.lines, key=lambda one: one[0])
        return b"\n".join(json.dumps(resource).encode() for _, resource in ordered)
