"""Registrations in a CSV file, one a line, as source Patients: for evaluating and training.

Columns, in any order: rec_id, org, name, sex (M, F), dob, id_type (NI, PPN), id_no, phone, address,
ins_no, ehc; optionally true_person and kind. All but rec_id and name may be missing. Compressed files
are expanded, whatever they are called.
"""

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hie.mpi.features import HEALTH_CARD, INSURANCE, RESIDENT_NUMBER
from hie.mpi.link import Source

REQUIRED = ("rec_id", "name")
_GZIP = b"\x1f\x8b"
_SEXES = {"M": "male", "F": "female", "1": "male", "2": "female", "男": "male", "女": "female"}
_PASSPORT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PPN"}]}

Row = Mapping[str, str]


def read(path: Path) -> list[dict[str, str]]:
    """The lines of the file. Raises ValueError when a required column is missing."""
    with path.open("rb") as start:
        compressed = start.read(2) == _GZIP
    opened = gzip.open if compressed else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and (missing := [column for column in REQUIRED if column not in rows[0]]):
        raise ValueError(f"{path} has no column {', '.join(missing)}")
    return rows


def patient(row: Row) -> dict[str, Any]:
    """The source Patient that a line describes."""
    resource: dict[str, Any] = {"resourceType": "Patient", "id": row["rec_id"]}
    identifier: list[dict[str, Any]] = []
    if number := row.get("id_no"):
        if row.get("id_type") == "PPN" or (not row.get("id_type") and _foreign(number)):
            identifier.append({"type": _PASSPORT, "value": number})
        else:
            identifier.append({"system": RESIDENT_NUMBER, "value": number})
    for column, system in (("ins_no", INSURANCE), ("ehc", HEALTH_CARD)):
        if value := row.get(column):
            identifier.append({"system": system, "value": value})
    if identifier:
        resource["identifier"] = identifier
    if name := row.get("name"):
        resource["name"] = [{"use": "official", "text": name}]
    written = row.get("sex") or ""
    resource["gender"] = _SEXES.get(written.upper()[:1], "unknown")
    if born := row.get("dob"):
        resource["birthDate"] = born
    if phone := row.get("phone"):
        resource["telecom"] = [{"system": "phone", "value": phone}]
    if address := row.get("address"):
        resource["address"] = [{"text": address}]
    return resource


def _foreign(number: str) -> bool:
    """Whether a number of unknown kind can only be a passport's: short, and led by a letter."""
    return number[:1].isalpha() and number[:1].isascii() and len(number) < 12


def source(row: Row) -> Source:
    """A line as `register` takes it."""
    org = row.get("org", "")
    return Source(row["rec_id"], 1 + int(org) if org.isdigit() else 1, patient(row))
