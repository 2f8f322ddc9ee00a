"""A hospital's records as HL7 v2.5.1 messages, as its own system would send them.

ADT^A04 for outpatients, ADT^A01 and ADT^A03 for stays, ORU^R01 for reports and vital
signs; segments PID PV1 DG1 AL1 OBR OBX. Text is GB 18030, as in most Chinese hospitals.
http://www.hl7.eu/HL7v2x/v251/hl7v251.htm chapters 3 and 7. What these messages cannot carry
(prescriptions, procedures) stays in the hospital.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hie.demo.clinical import Analyte, Panel
from hie.demo.district import Record
from hie.demo.institutions import BY_CODE
from hie.demo.registration import Registration
from hie.demo.visits import Value, Visit

CHARACTER_SET = "GB 18030-2000"
CODEC = "gb18030"
_SEXES = {"male": "M", "female": "F"}
_ESCAPES = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"}
)


def messages(record: Record) -> Iterator[bytes]:
    """The messages about one resident, in the order in which they would have been sent."""
    for number, visit in enumerate(record.visits, 1):
        sender = _Sender(record.registration, visit, number)
        yield from sender.messages()


def _text(value: str) -> str:
    return value.translate(_ESCAPES)


def _time(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}+0800"


class _Sender:
    """Writes the messages of one visit."""

    def __init__(self, registration: Registration, visit: Visit, number: int) -> None:
        self.registration = registration
        self.institution = BY_CODE[registration.institution]
        self.visit = visit
        self.visit_number = f"{registration.number}{number:04d}"
        self.count = 0

    def messages(self) -> Iterator[bytes]:
        visit = self.visit
        stay = visit.kind == "IMP"
        end = visit.start + timedelta(days=visit.nights, minutes=25)
        diagnoses = [
            f"DG1|{number}||{item.code}^{_text(item.name)}^I10|||F"
            for number, item in enumerate(visit.diagnoses, 1)
        ]
        allergies = [f"AL1|1|DA|^{_text(visit.allergy)}|MO|皮疹"] if visit.allergy else []
        rest = [*diagnoses, *allergies] if not stay else [*allergies, *diagnoses]
        kind, discharged = ("A01", None) if stay else ("A04", end)
        yield self._message(f"ADT^{kind}^ADT_A01", visit.start, self._visit(discharged), *rest)
        if visit.vitals:
            panel = Panel("", "TZ", "生命体征", "Vital signs", ())
            yield self._result(panel, visit.vitals, visit.start)
        for report in visit.reports:
            yield self._result(report.panel, report.values, visit.start + timedelta(hours=3))
        if stay:
            yield self._message("ADT^A03^ADT_A03", end, self._visit(end), *diagnoses)

    def _message(self, kind: str, moment: datetime, *segments: str) -> bytes:
        self.count += 1
        header = (
            f"MSH|^~\\&|HIS|YX-H2|HIE|YX|{_time(moment)}||{kind}|"
            f"{self.visit_number}{self.count:02d}|P|2.5.1|||AL|NE|CHN|{CHARACTER_SET}"
        )
        lines = [header]
        if kind.startswith("ADT"):
            lines.append(f"EVN||{_time(moment)}")
        return ("\r".join([*lines, self._patient(), *segments]) + "\r").encode(CODEC)

    def _patient(self) -> str:
        registration = self.registration
        resident = registration.resident
        identifiers = [f"{registration.number}^^^YX-H2^PI"]
        if registration.card:
            identifiers.append(f"{_text(registration.card)}^^^CN^NNCHN")
        if resident.passport:
            identifiers.append(f"{resident.passport}^^^XXA^PPN")
        name = registration.name
        phone = f"^PRS^CP^^^^^^^^^{registration.phone}" if registration.phone else ""
        mother = f"{resident.mother[0]}^{resident.mother[1:]}" if resident.mother else ""
        twin = f"Y|{resident.birth_order}" if resident.birth_order else "|"
        address = f"{_text(resident.community.street + resident.room)}^^^^^CN^H^^云溪区"
        return (
            f"PID|1||{'~'.join(identifiers)}||{_text(name.family)}^{_text(name.given)}|{mother}|"
            f"{registration.birth:%Y%m%d}|{_SEXES[resident.gender]}|||{address}||{phone}"
            f"|||||||||||{twin}"
        )

    def _visit(self, discharged: datetime | None) -> str:
        visit = self.visit
        doctor = f"{visit.doctor.id}^{visit.doctor.name.family}^{visit.doctor.name.given}"
        fields = [""] * 46
        department = self.institution.department(visit.doctor.department)
        place = f"{department.name}^^^{self.institution.name}"
        fields[0:4] = ["PV1", "1", "I" if visit.kind == "IMP" else "O", place]
        fields[7] = doctor
        fields[10] = f"{department.code}^{department.name}^L"
        fields[19] = self.visit_number
        fields[44] = _time(visit.start)
        fields[45] = _time(discharged) if discharged else ""
        return "|".join(fields).rstrip("|")

    def _result(self, panel: Panel, values: tuple[Value, ...], moment: datetime) -> bytes:
        coded = f"{panel.loinc}^{panel.name}^LN^{panel.local}^{panel.name}^L" if panel.loinc else ""
        service = coded or f"{panel.local}^{panel.name}^L"
        order = f"{self.visit_number}{panel.local}"
        request = (
            f"OBR|1|{order}^HIS|{order}^LIS|{service}|||{_time(self.visit.start)}"
            f"|||||||||||||||{_time(moment)}||{'LAB' if panel.loinc else 'OTH'}|F"
        )
        return self._message(
            "ORU^R01^ORU_R01", moment, self._visit(None), request,
            *(self._observation(n, analyte, value) for n, (analyte, value) in enumerate(values, 1)),
        )  # fmt: skip

    def _observation(self, number: int, analyte: Analyte, value: float) -> str:
        code = f"{analyte.loinc}^{analyte.name}^LN^{analyte.local}^{analyte.name}^L"
        low, high = ("" if limit is None else str(limit) for limit in (analyte.low, analyte.high))
        limits = (
            f"{low}-{high}" if low and high else f"<{high}" if high else f">{low}" if low else ""
        )
        flag = analyte.flag(value) if limits else ""
        # GB 18030 has all of these characters.
        unit = f"{analyte.unit}^{analyte.shown_unit}^UCUM"
        return (
            f"OBX|{number}|NM|{code}||{value:.{analyte.decimals}f}|{unit}|{limits}"
            f"|{flag}|||F|||{_time(self.visit.start)}"
        )
