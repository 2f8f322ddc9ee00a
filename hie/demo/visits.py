"""What happens at a visit, as facts; how an institution sends them is another matter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hie.demo.clinical import Analyte, Diagnosis, Medicine, Operation, Panel, Vaccine
from hie.demo.institutions import Doctor

Value = tuple[Analyte, float]

# Encounter classes of v3 ActCode: ambulatory, emergency, inpatient, home health.
Kind = Literal["AMB", "EMER", "IMP", "HH"]


@dataclass(frozen=True, slots=True)
class Report:
    """A laboratory report and its values."""

    panel: Panel
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """One contact of a resident with an institution and everything that was recorded at it."""

    institution: str
    start: datetime
    kind: Kind
    doctor: Doctor
    diagnoses: tuple[Diagnosis, ...] = ()
    vitals: tuple[Value, ...] = ()
    reports: tuple[Report, ...] = ()
    medicines: tuple[tuple[Medicine, int], ...] = ()  # with the days they last
    vaccine: tuple[Vaccine, int] | None = None  # with the number of the dose
    operation: Operation | None = None
    allergy: str | None = None
    nights: int = 0
    note: str | None = None  # the text of a discharge summary
