"""A person as a page's heading shows them; identity numbers are masked.

https://hl7.org/fhir/R4/patient.html; identifier systems of the national standard WS/T 482 family:
`urn:oid:2.16.156.10011.1.3` resident ID card, `…1.2` health record, `…1.19` health card, `…1.15` insurance.
"""

from dataclasses import dataclass
from datetime import date
from unicodedata import normalize

from hie.web.record import moment
from hie.web.record.coded import Resource

IDENTITY_CARD = "urn:oid:2.16.156.10011.1.3"
HEALTH_RECORD = "urn:oid:2.16.156.10011.1.2"
IDENTIFIER_KINDS = {
    IDENTITY_CARD: "identity_card",
    HEALTH_RECORD: "health_record",
    "urn:oid:2.16.156.10011.1.19": "health_card",
    "urn:oid:2.16.156.10011.1.15": "insurance_card",
}


@dataclass(frozen=True, slots=True)
class Person:
    """`identifiers` are (kind, masked number) of the kinds in `IDENTIFIER_KINDS`."""

    id: str
    name: str
    sex: str
    birth_date: str
    age: tuple[int, str] | None
    identifiers: tuple[tuple[str, str], ...]
    phone: str
    address: str

    @property
    def identity_card(self) -> str:
        """The masked ID card number, or ""."""
        return next((number for kind, number in self.identifiers if kind == "identity_card"), "")


def mask(number: str) -> str:
    """Keep the first three and last two characters, as the district's counters print numbers.

    The birth date inside an ID card number is hidden; a short number is hidden wholly.
    """
    number = normalize("NFKC", number)  # senders write full-width digits, too
    if len(number) < 8:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 5) + number[-2:]


def name_of(resource: Resource) -> str:
    """The official name, else the first: its text, else family and given names."""
    names = [n for n in resource.get("name", ()) if isinstance(n, dict)]
    names.sort(key=lambda name: name.get("use") != "official")
    for name in names:
        if name.get("text"):
            return str(name["text"])
        family, given = str(name.get("family", "")), [str(g) for g in name.get("given", ())]
        if family or given:
            chinese = all(ord(character) > 0x2E7F for character in family + "".join(given))
            return family + "".join(given) if chinese else " ".join([*given, family]).strip()
    return ""


def _masked_identifiers(resource: Resource) -> tuple[tuple[str, str], ...]:
    found: dict[tuple[str, str], None] = {}
    for system, kind in IDENTIFIER_KINDS.items():
        for identifier in resource.get("identifier", ()):
            if identifier.get("system") == system and identifier.get("value"):
                found[(kind, mask(str(identifier["value"])))] = None
    return tuple(found)


def _address(resource: Resource) -> str:
    for address in resource.get("address", ()):
        if address.get("text"):
            return str(address["text"])
        parts = [address.get(p, "") for p in ("state", "city", "district")]
        line = "".join(str(p) for p in [*parts, *address.get("line", ())])
        if line:
            return line
    return ""


def person(resource: Resource, today: date) -> Person:
    """The view of a Patient resource on the day `today`."""
    phones = [t for t in resource.get("telecom", ()) if t.get("system") == "phone"]
    birth_date = str(resource.get("birthDate", ""))
    return Person(
        id=str(resource.get("id", "")),
        name=name_of(resource),
        sex=str(resource.get("gender", "unknown")),
        birth_date=birth_date,
        age=moment.age(birth_date, today),
        identifiers=_masked_identifiers(resource),
        phone=mask(str(phones[0].get("value", ""))) if phones else "",
        address=_address(resource),
    )
