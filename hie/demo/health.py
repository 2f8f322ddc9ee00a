"""How healthy a resident is, and the visits that follow from it over the years.

Chronic illness follows age, roughly as in the Report on Cardiovascular Health and Diseases in China:
hypertension in half, diabetes in a fifth of those over sixty. The national basic public health
service asks stations for four follow-ups of such patients a year (国家基本公共卫生服务规范).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random

from hie.demo import clinical as c
from hie.demo.institutions import BY_CODE, H1, H2
from hie.demo.population import Resident
from hie.demo.visits import Kind, Report, Value, Visit

BEIJING = timezone(timedelta(hours=8), "CST")
Trend = tuple[float, float]  # at the beginning and at the end of the years that are told


@dataclass(frozen=True, slots=True)
class Profile:
    """The truth about a resident's health, from which the visits are drawn."""

    years: int
    hospitals: tuple[str, ...]  # the usual one first
    hypertension: bool = False
    diabetes: bool = False
    a1c: Trend = (5.4, 5.6)
    creatinine: Trend = (68, 72)
    systolic: Trend = (122, 126)
    weight: float = 62.0
    height: float = 165.0
    allergy: str | None = None
    illnesses_a_year: float = 0.8

    @property
    def chronic(self) -> bool:
        return self.hypertension or self.diabetes


def draw_profile(random: Random, resident: Resident, until: date) -> Profile:
    """A likely profile for someone of this age and sex."""
    age = resident.age(until)
    old = age >= 60
    hypertension = random.random() < (0.5 if old else 0.2 if age >= 40 else 0.01)
    diabetes = random.random() < (0.22 if old else 0.09 if age >= 40 else 0.004)
    first = random.choices((H1, H2), (6, 4))[0]
    second = H2 if first == H1 else H1
    start = random.uniform(7.0, 10.2)
    return Profile(
        years=3,
        hospitals=(first, second) if random.random() < 0.35 else (first,),
        hypertension=hypertension,
        diabetes=diabetes,
        a1c=(start, start + random.uniform(-2.4, 0.8)) if diabetes else (5.3, 5.6),
        creatinine=(70 + age / 5, 70 + age / 5 + random.choice((0, 2, 5, 40 if old else 8))),
        systolic=(random.uniform(148, 176), random.uniform(128, 150)) if hypertension else (118, 126),
        weight=round(random.gauss(70 if resident.gender == "male" else 59, 8), 1),
        height=round(random.gauss(170 if resident.gender == "male" else 159, 5), 1),
        allergy=random.choice(("青霉素", "头孢菌素", "磺胺类药物", "海鲜")) if random.random() < 0.06 else None,
        illnesses_a_year=0.5 + (age < 10) * 1.0 + old * 0.4,
    )  # fmt: skip


class _Life:
    """Draws the visits of one resident."""

    def __init__(self, random: Random, resident: Resident, profile: Profile, until: date) -> None:
        self.random = random
        self.resident = resident
        self.profile = profile
        self.until = until
        self.station = resident.community.station
        self.begin = max(resident.birth, until - timedelta(days=365 * profile.years))

    def visit(
        self, institution: str, day: date, department: str, *, kind: Kind = "AMB",
        diagnoses: tuple[c.Diagnosis, ...] = (), vitals: tuple[Value, ...] = (),
        reports: tuple[Report, ...] = (), medicines: tuple[tuple[c.Medicine, int], ...] = (),
        vaccine: tuple[c.Vaccine, int] | None = None, operation: c.Operation | None = None,
        allergy: str | None = None, nights: int = 0, note: str | None = None,
    ) -> Visit:  # fmt: skip
        clock = time(self.random.randint(8, 16), self.random.randint(0, 59), tzinfo=BEIJING)
        doctor = self.random.choice(BY_CODE[institution].doctors_of(department))
        return Visit(
            institution, datetime.combine(day, clock), kind, doctor, diagnoses, vitals, reports,
            medicines, vaccine, operation, allergy, nights, note,
        )  # fmt: skip

    def at(self, trend: Trend, day: date, spread: float) -> float:
        """The value of a trend on a day, with everyday variation of `spread` (relative)."""
        whole = max(1, (self.until - self.begin).days)
        share = (day - self.begin).days / whole
        return (trend[0] + (trend[1] - trend[0]) * share) * self.random.gauss(1, spread)

    def report(self, panel: c.Panel, day: date, infection: bool = False) -> Report:
        values = {
            c.A1C: self.at(self.profile.a1c, day, 0.015),
            # Estimated average glucose of the ADAG study, less the rise after meals.
            c.GLUCOSE: (self.at(self.profile.a1c, day, 0.02) * 1.59 - 2.59) * 0.85,
            c.CREATININE: self.at(self.profile.creatinine, day, 0.03),
            c.UREA: self.at(self.profile.creatinine, day, 0.05) / 14,
            c.URATE: self.random.gauss(345, 50),
            c.CHOLESTEROL: self.random.gauss(4.9, 0.7),
            c.TRIGLYCERIDE: max(0.5, self.random.gauss(1.6, 0.5)),
            c.HDL: max(0.7, self.random.gauss(1.25, 0.2)),
            c.LDL: max(1.2, self.random.gauss(2.9, 0.6)),
            c.LEUKOCYTES: self.random.gauss(11.5 if infection else 6.4, 1.2),
            c.HAEMOGLOBIN: self.random.gauss(140, 10),
            c.PLATELETS: self.random.gauss(225, 35),
            c.CRP: abs(self.random.gauss(24 if infection else 2.5, 2)),
        }
        return Report(
            panel, tuple((item, round(values[item], item.decimals)) for item in panel.analytes)
        )

    def pressure(self, day: date) -> tuple[Value, Value]:
        systolic = round(self.at(self.profile.systolic, day, 0.03))
        return (c.SYSTOLIC, systolic), (
            c.DIASTOLIC,
            round(systolic * 0.4 + self.random.gauss(27, 3)),
        )

    def days(self, interval: int) -> Iterator[date]:
        """Days about `interval` apart, on working days, until the end."""
        day = self.begin + timedelta(days=self.random.randint(3, interval))
        while day < self.until:
            yield day + timedelta(days=(0, 0, 0, 0, 0, -1, -2)[day.weekday()])
            day += timedelta(days=round(interval * self.random.uniform(0.85, 1.1)))

    @property
    def diagnoses(self) -> tuple[c.Diagnosis, ...]:
        profile = self.profile
        named = ((c.HYPERTENSION, profile.hypertension), (c.DIABETES, profile.diabetes))
        return tuple(diagnosis for diagnosis, present in named if present)

    def medicines(self, days: int) -> tuple[tuple[c.Medicine, int], ...]:
        chosen = []
        if self.profile.diabetes:
            chosen.append(c.METFORMIN)
        if self.profile.hypertension:
            chosen.append(c.AMLODIPINE if self.resident.place % 2 else c.LOSARTAN)
        return tuple((medicine, days) for medicine in chosen)

    def follow_ups(self) -> Iterator[Visit]:
        """The station's quarterly visits of a chronic patient."""
        for day in self.days(91):
            vitals: tuple[Value, ...] = self.pressure(day)
            if self.profile.diabetes:
                vitals += self.report(c.SUGAR_PANEL, day).values[1:]
            yield self.visit(
                self.station, day, "02", kind="HH" if self.resident.age(day) > 82 else "AMB",
                diagnoses=self.diagnoses, vitals=vitals, medicines=self.medicines(90),
            )  # fmt: skip

    def clinic(self) -> Iterator[Visit]:
        """A chronic patient's half-yearly visits to the hospital, with laboratory reports."""
        department = {H1: "0309" if self.profile.diabetes else "0304", H2: "03"}
        for number, day in enumerate(self.days(182)):
            hospitals = self.profile.hospitals
            hospital = hospitals[1] if len(hospitals) > 1 and number % 3 == 1 else hospitals[0]
            reports = [self.report(c.KIDNEY_PANEL, day)]
            if self.profile.diabetes:
                reports.insert(0, self.report(c.SUGAR_PANEL, day))
            if number % 2:
                reports.append(self.report(c.LIPID_PANEL, day))
            extra = ((c.ATORVASTATIN, 30),) if number % 2 else ()
            yield self.visit(
                hospital, day, department[hospital], diagnoses=self.diagnoses,
                vitals=self.pressure(day), reports=tuple(reports), medicines=extra,
                allergy=self.profile.allergy if number == 0 else None,
            )  # fmt: skip

    def check_ups(self) -> Iterator[Visit]:
        """The yearly examination that stations offer to residents over 65."""
        for day in self.days(365):
            if self.resident.age(day) < 65:
                continue
            body = ((c.HEIGHT, self.profile.height), (c.WEIGHT, self.profile.weight))
            yield self.visit(
                self.station, day, "02", vitals=(*self.pressure(day), *body),
                reports=(self.report(c.BLOOD_PANEL, day),),
            )  # fmt: skip
            if self.random.random() < 0.5:
                shot = c.PNEUMOCOCCAL if self.resident.age(day) == 66 else c.INFLUENZA
                yield self.visit(self.station, day, "01", vaccine=(shot, 1))

    def vaccinations(self) -> Iterator[Visit]:
        """A child's programme; doses that are due on one day are given at one visit each."""
        for vaccine in c.CHILD_VACCINES:
            for dose, month in enumerate(vaccine.months, 1):
                day = self.resident.birth + timedelta(days=round(month * 30.4) + dose)
                if self.begin <= day < self.until:
                    yield self.visit(self.station, day, "01", vaccine=(vaccine, dose))

    def illnesses(self) -> Iterator[Visit]:
        """Colds, sprains, infections: the common reasons to see a doctor."""
        day = self.begin
        while True:
            day += timedelta(
                days=round(self.random.expovariate(self.profile.illnesses_a_year / 365)) + 2
            )
            if day >= self.until:
                return
            yield self.illness(day)

    def illness(self, day: date) -> Visit:
        child = self.resident.age(day) < 14
        hospital = self.random.choice(self.profile.hospitals)
        fever: tuple[Value, ...] = ((c.TEMPERATURE, round(self.random.uniform(36.5, 39.2), 1)),)
        blood = (self.report(c.BLOOD_PANEL, day, infection=True),)
        kind = self.random.randrange(9)
        allergy = self.profile.allergy if not self.profile.chronic else None
        if kind <= 2 or child:
            at_station = self.random.random() < 0.5
            department = "02" if at_station else "07" if child and hospital == H1 else "03"
            return self.visit(
                self.station if at_station else hospital, day, department, vitals=fever,
                diagnoses=(self.random.choice((c.COLD, c.BRONCHITIS)),),
                reports=() if at_station else blood, medicines=((c.AMBROXOL, 5),), allergy=allergy,
            )  # fmt: skip
        if kind == 8:
            return self.stay(hospital, day)
        diagnosis, department, medicine = (
            (c.GASTRITIS, "03", c.OMEPRAZOLE), (c.BACK_PAIN, "04", c.IBUPROFEN),
            (c.ANKLE, "04", c.IBUPROFEN), (c.ECZEMA, "03", c.CETIRIZINE),
            (c.URINARY, "03", c.AMOXICILLIN),
        )[kind - 3]  # fmt: skip
        urgent = diagnosis is c.ANKLE and hospital == H1
        return self.visit(
            hospital, day, "20" if urgent else department, kind="EMER" if urgent else "AMB",
            diagnoses=(diagnosis,), reports=blood if diagnosis is c.URINARY else (),
            medicines=((medicine, 7),), allergy=allergy,
        )  # fmt: skip

    def stay(self, hospital: str, day: date) -> Visit:
        """An operation with some nights in hospital and a discharge summary."""
        old = self.resident.age(day) >= 60
        diagnosis, operation = (
            (c.CATARACT, c.CATARACT_SURGERY) if old else (c.APPENDICITIS, c.APPENDECTOMY)
        )
        nights = self.random.randint(2, 5)
        return self.visit(
            hospital, day, "04", kind="IMP", diagnoses=(diagnosis,), operation=operation,
            reports=(self.report(c.BLOOD_PANEL, day, infection=not old),), nights=nights,
            note=f"出院小结\n诊断：{diagnosis.name}\n治疗：{operation.name}，术后恢复良好，住院{nights}天。",
        )  # fmt: skip

    def birth(self) -> Iterator[Visit]:
        """A child born during the years that are told has a stay at the maternity ward."""
        if self.resident.birth >= self.begin and self.resident.birth < self.until:
            twin = self.resident.birth_order is not None
            yield self.visit(
                H1, self.resident.birth, "07", kind="IMP", nights=3,
                diagnoses=(c.TWIN_BORN if twin else c.BORN,),
                vitals=((c.WEIGHT, round(self.random.gauss(2.5 if twin else 3.3, 0.2), 2)),),
            )  # fmt: skip

    def whole(self) -> list[Visit]:
        visits = [*self.birth(), *self.illnesses()]
        if self.profile.chronic:
            visits += [*self.follow_ups(), *self.clinic()]
        if self.resident.age(self.until) >= 65:
            visits += self.check_ups()
        if self.resident.age(self.until) < 6:
            visits += self.vaccinations()
        if not visits:  # everybody is registered somewhere: a vaccination against influenza
            day = next(iter(self.days(180)), self.until)
            visits.append(self.visit(self.station, day, "01", vaccine=(c.INFLUENZA, 1)))
        return sorted(visits, key=lambda visit: visit.start.astimezone(UTC))


def history(random: Random, resident: Resident, profile: Profile, until: date) -> list[Visit]:
    """All visits of a resident before `until`, oldest first; at least one."""
    return _Life(random, resident, profile, until).whole()
