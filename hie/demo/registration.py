"""How an institution writes a resident down: its own number, its own spelling, its own mistakes.

The kinds of mistakes are those that make matching hard in practice: a card not at hand, full-width
digits, traditional script, a character that sounds alike, the guardian's phone or card on a child,
a newborn under the mother's name, a birthday on 1 January for want of a better one.
"""

from dataclasses import dataclass, replace
from datetime import date

from hie.demo.institutions import H1, OID, Resource, human_name
from hie.demo.names import Name
from hie.demo.population import Household, Resident, random_for

_FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@dataclass(frozen=True, slots=True)
class Registration:
    """A resident as one institution knows him or her."""

    institution: str
    resident: Resident
    number: str  # the institution's own patient number
    name: Name
    birth: date
    card: str | None
    phone: str | None
    keeps_record: bool = True  # a station's counter may not know the 健康档案编号

    @property
    def patient(self) -> str:
        """The id of the Patient resource the institution sends."""
        return f"{self.institution.lower()}-{self.resident.key}"


def exact(institution: str, resident: Resident, household: Household) -> Registration:
    """Everything as it is; children are reached through the household's phone."""
    number = f"{resident.household:06d}{resident.place}"
    return Registration(
        institution, resident, number, resident.name, resident.birth, resident.card,
        resident.phone or household.phone,
    )  # fmt: skip


def newborn_name(resident: Resident) -> Name:
    """What maternity wards write before a child is named: the mother's name, 之, and which child."""
    order = {None: "", 1: "长", 2: "次"}[resident.birth_order]
    child = f"之{order}{'子' if resident.gender == 'male' else '女'}"
    mother = resident.mother or resident.name.text
    return Name(mother[0], f"{mother[1:]}{child}")


def register(
    seed: int, institution: str, resident: Resident, household: Household, until: date
) -> Registration:
    """What a clerk at this institution typed; the same each time for the same arguments.

    A child born within the last year is still registered at the hospital as it was at birth.
    """
    random = random_for(seed, "registration", resident.key, institution)
    made = exact(institution, resident, household)
    if resident.age(until) < 1 and institution == H1:
        return replace(made, name=newborn_name(resident))
    chance = random.random
    if made.card:
        if chance() < 0.06:
            made = replace(made, card=None)
        elif chance() < 0.02:
            made = replace(made, card=made.card and made.card.translate(_FULL_WIDTH))
        elif chance() < 0.007 and made.card:
            place = random.randrange(6, 17)
            digit = str((int(made.card[place]) + random.randint(1, 9)) % 10)
            made = replace(made, card=made.card[:place] + digit + made.card[place + 1 :])
    elif resident.mother and chance() < 0.05:
        guardian = next(
            (one for one in household.residents if one.name.text == resident.mother), None
        )
        made = replace(made, card=guardian.card if guardian else None)
    if chance() < 0.04:
        made = replace(made, name=made.name.traditional())
    elif chance() < 0.02:
        made = replace(made, name=made.name.homophone())
    if chance() < 0.08:
        made = replace(made, phone=household.phone)
    elif chance() < 0.06:
        made = replace(made, phone=None)
    if not resident.card and chance() < 0.02:
        made = replace(made, birth=date(made.birth.year, 1, 1))
    return made


def patient(registration: Registration) -> Resource:
    """The Patient resource an institution sends. https://hl7.org/fhir/R4/patient.html"""
    resident = registration.resident
    institution = registration.institution
    identifiers = [
        {
            "use": "usual",
            "type": {"text": "病人号"},
            "system": f"urn:hie:institution:{institution}:patient",
            "value": registration.number,
        }
    ]
    if registration.card:
        identifiers.append({"use": "official", "system": f"{OID}1.3", "value": registration.card})
    if resident.passport:
        identifiers.append(
            {"system": "http://hl7.org/fhir/sid/passport-XXA", "value": resident.passport}
        )
    if registration.keeps_record and not institution.startswith("YX-H"):
        # 健康档案编号: division 6, street 3, neighbourhood 3, serial 5.
        serial = (resident.household * 10 + resident.place) % 100_000
        division = 990101 + resident.household // 10_000
        value = f"{division}{resident.community.street_code}001{serial:05d}"
        identifiers.append({"system": f"{OID}1.2", "value": value})
    result: Resource = {
        "resourceType": "Patient",
        "id": registration.patient,
        "identifier": identifiers,
        "active": True,
        "name": [human_name(registration.name)],
        "gender": resident.gender,
        "birthDate": registration.birth.isoformat(),
        "address": [
            {
                "use": "home",
                "text": resident.address,
                "line": [f"{resident.community.street}{resident.room}"],
                "district": "云溪区",
                "country": "CN",
            }
        ],
        "managingOrganization": {"reference": f"Organization/{institution.lower()}"},
    }
    if registration.phone:
        result["telecom"] = [{"system": "phone", "value": registration.phone, "use": "mobile"}]
    if resident.mother:
        result["contact"] = [
            {
                "relationship": [
                    {
                        "coding": [
                            {
                                "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
                                "code": "MTH",
                                "display": "mother",
                            }
                        ],
                        "text": "母亲",
                    }
                ],
                "name": {"text": resident.mother},
            }
        ]
    if resident.birth_order:
        result["multipleBirthInteger"] = resident.birth_order
    return result
