"""What of a source Patient is compared: one compact value, made once and kept with the registration.

Patient: https://hl7.org/fhir/R4/patient.html. Identifier systems: the national OIDs below.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hie.mpi import birth, contact, identity_number, names
from hie.mpi.contact import Home
from hie.mpi.names import Name

RESIDENT_NUMBER = "urn:oid:2.16.156.10011.1.3"
HEALTH_CARD = "urn:oid:2.16.156.10011.1.19"
INSURANCE = "urn:oid:2.16.156.10011.1.15"
HEALTH_FILE = "urn:oid:2.16.156.10011.1.2"
VERSION = 1
_PERMIT = re.compile(r"([HM]\d{8})\d{2}")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_VISIT_NUMBERS = tuple(f"urn:oid:2.16.156.10011.1.{n}" for n in (11, 12, 13, 20, 24))


@dataclass(frozen=True, slots=True)
class Features:
    """Everything that comparing needs. Tuples are sorted, so that equal evidence is equal data."""

    names: tuple[Name, ...] = ()
    births: tuple[str, ...] = ()
    """The date written, then the one that a trusted number implies when the two differ by a slip."""
    sex: str = ""
    numbers: tuple[str, ...] = ()
    """Resident numbers that pass their checks and fit the record."""
    damaged: tuple[str, ...] = ()
    """Numbers with a typing error."""
    foreign: tuple[str, ...] = ()
    """Sound numbers that contradict the record: probably a guardian's card. Never proof of identity."""
    passports: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    """Health card, insurance card and health file numbers, as `kind|value`."""
    others: tuple[str, ...] = ()
    """Every other identifier, as `system|value`."""
    phones: tuple[str, ...] = ()
    homes: tuple[Home, ...] = ()
    order: str = field(default="")
    """Birth order, where the record says it is one of several children born together."""

    @property
    def is_newborn(self) -> bool:
        """Whether the only name is the placeholder that a newborn is given."""
        return bool(self.names) and all(name.kind == "newborn" for name in self.names)


def of_patient(patient: Mapping[str, Any]) -> Features:
    """The features of a source Patient resource. Never raises: what cannot be read is left out."""
    given_names = _names(patient)
    written = birth.parse(text(patient.get("birthDate")))
    sex = {"male": "male", "female": "female"}.get(text(patient.get("gender")), "")
    sound: set[str] = set()
    groups: dict[str, set[str]] = {
        k: set() for k in ("number", "damaged", "passport", "card", "other")
    }
    for system, kind, value in identifiers(patient):
        number = identity_number.parse(value)
        national = system == RESIDENT_NUMBER or kind in ("NI", "NNCHN", "PPN")
        if number and (national or (system == INSURANCE and len(number.number) == len(value))):
            sound.add(number.number)  # 社会保障号码 is the resident number
        elif system == RESIDENT_NUMBER or kind in ("NI", "NNCHN"):
            groups["damaged"].add(identity_number.damaged(value))
        elif kind == "PPN":
            groups["passport"].add(_passport(value))
        elif system in (HEALTH_CARD, INSURANCE, HEALTH_FILE):
            groups["card"].add(_card(system, value))
        elif not system.startswith(_VISIT_NUMBERS):
            groups["other"].add(f"{system}|{value}" if system and value else "")
    trusted = {number for number in sound if _fits(number, written, sex)}
    implied = {identity_number.parse(number).birth_date.isoformat() for number in trusted}  # type: ignore[union-attr]
    births = [date for date in [written, *sorted(implied - {written})] if date]
    return Features(
        names=given_names,
        births=tuple(births),
        sex=sex,
        numbers=tuple(sorted(trusted)),
        damaged=_clean(groups["damaged"]),
        foreign=tuple(sorted(sound - trusted)),
        passports=_clean(groups["passport"]),
        cards=_clean(groups["card"]),
        others=_clean(groups["other"]),
        phones=_clean(contact.phone(value) for value in _phones(patient)),
        homes=_homes(patient),
        order=_order(patient, given_names),
    )


def _fits(number: str, written: str, sex: str) -> bool:
    """Whether a sound number can belong to the record: an exact date outweighs a mistyped sex."""
    parsed = identity_number.parse(number)
    if parsed is None:
        return False
    if not written:
        return not sex or parsed.male == (sex == "male")
    match birth.level(parsed.birth_date.isoformat(), written):
        case "exact":
            return True
        case "swapped" | "default" | "calendar" | "edit" | "near" | "lunar" | "year":
            return not sex or parsed.male == (sex == "male")
        case _:
            return False


def _clean(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def items(patient: Mapping[str, Any], element: str) -> list[Mapping[str, Any]]:
    found = patient.get(element)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def identifiers(patient: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for identifier in items(patient, "identifier"):
        kind = identifier.get("type")
        codings = items(kind, "coding") if isinstance(kind, dict) else []
        code = next((text(c.get("code")) for c in codings if c.get("code")), "")
        if identifier.get("use") != "old" and (value := text(identifier.get("value"))):
            yield text(identifier.get("system")), code, value


def _passport(value: str) -> str:
    """A travel document's number. Permits of Hong Kong and Macao less the number of the issue.

    港澳居民来往内地通行证: H or M and eight digits, on cards before 2013 two more that count the issues.
    """
    cleaned = identity_number.clean(value)
    if permit := _PERMIT.fullmatch(cleaned):
        return permit[1]
    return cleaned if 6 <= len(cleaned) <= 18 else ""


def _card(system: str, value: str) -> str:
    cleaned = identity_number.clean(value)
    return f"{system.rsplit('.', 1)[1]}|{cleaned}" if len(cleaned) >= 5 else ""


def _names(patient: Mapping[str, Any]) -> tuple[Name, ...]:
    found: list[Name] = []
    for name in items(patient, "name"):
        given = [part for part in name.get("given") or [] if isinstance(part, str)]
        parts = [text(name.get("family")), *given]
        written = text(name.get("text")) or " ".join(part for part in parts if part)
        found += [parsed for parsed in names.parse(written) if parsed not in found]
    return tuple(found[:6])


def _phones(patient: Mapping[str, Any]) -> Iterable[str]:
    for telecom in items(patient, "telecom"):
        if telecom.get("system") in ("phone", "sms", None):
            yield text(telecom.get("value"))
    for system, kind, value in identifiers(patient):
        if (system == RESIDENT_NUMBER or kind in ("NI", "NNCHN")) and _MOBILE.fullmatch(value):
            yield value  # typed into the wrong field


def _homes(patient: Mapping[str, Any]) -> tuple[Home, ...]:
    found = []
    for address in items(patient, "address"):
        lines = [line for line in address.get("line") or [] if isinstance(line, str)]
        places = [text(address.get(part)) for part in ("state", "city", "district")]
        written = text(address.get("text")) or "".join(
            [*lines, *places] if lines and lines[0].isascii() else [*places, *lines]
        )
        if (home := contact.home(written)) and home not in found:
            found.append(home)
    return tuple(found[:4])


def _order(patient: Mapping[str, Any], given_names: tuple[Name, ...]) -> str:
    born = patient.get("multipleBirthInteger")
    if isinstance(born, int) and not isinstance(born, bool):
        return str(born)
    return next((name.order for name in given_names if name.order), "")


def to_json(features: Features) -> dict[str, Any]:
    """`features` as plain data, empty fields left out."""
    plain: dict[str, Any] = {"v": VERSION}
    for key in (
        "births",
        "numbers",
        "damaged",
        "foreign",
        "passports",
        "cards",
        "others",
        "phones",
    ):
        if value := getattr(features, key):
            plain[key] = list(value)
    if features.sex:
        plain["sex"] = features.sex
    if features.order:
        plain["order"] = features.order
    if features.names:
        plain["names"] = [
            [n.kind, n.text, n.family, n.given, list(n.sounds), n.letters, n.order, n.hint, n.sure]
            for n in features.names
        ]
    if features.homes:
        plain["homes"] = [[h.road, h.number, h.community, h.door] for h in features.homes]
    return plain


def from_json(plain: Mapping[str, Any]) -> Features:
    """The inverse of `to_json`."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in plain.items()
        if key not in ("v", "names", "homes")
    }
    values["names"] = tuple(
        Name(kind, text, family, given, tuple(sounds), letters, order, hint, sure)
        for kind, text, family, given, sounds, letters, order, hint, sure in plain.get("names", ())
    )
    values["homes"] = tuple(Home(*home) for home in plain.get("homes", ()))
    return Features(**values)
