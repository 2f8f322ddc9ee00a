"""Registrations in a CSV file, one a line, as source Patients: for evaluating and training.

Columns: rec_id, org, name, sex (M, F), dob, id_type (NI, PPN), id_no, phone, address, ins_no, ehc;
optionally true_person and kind. Files ending in .gz are expanded.
"""

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hie.mpi.features import HEALTH_CARD, INSURANCE, RESIDENT_NUMBER
from hie.mpi.link import Source

REQUIRED = ("rec_id", "name")
_PASSPORT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PPN"}]}

Row = Mapping[str, str]


def read(path: Path) -> list[dict[str, str]]:
    """The lines of the file. Raises ValueError when a required column is missing."""
    with (
        gzip.open(path, "rt", encoding="utf-8-sig")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8-sig", newline="") as file
    ):
        rows = list(csv.DictReader(file))
    if rows and (missing := [column for column in REQUIRED if column not in rows[0]]):
        raise ValueError(f"{path} has no column {', '.join(missing)}")
    return rows


def patient(row: Row) -> dict[str, Any]:
    """The source Patient that a line describes."""
    resource: dict[str, Any] = {"resourceType": "Patient", "id": row["rec_id"]}
    identifier: list[dict[str, Any]] = []
    if number := row.get("id_no"):
        if row.get("id_type") == "PPN":
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
    resource["gender"] = {"M": "male", "F": "female"}.get(row.get("sex", ""), "unknown")
    if born := row.get("dob"):
        resource["birthDate"] = born
    if phone := row.get("phone"):
        resource["telecom"] = [{"system": "phone", "value": phone}]
    if address := row.get("address"):
        resource["address"] = [{"text": address}]
    return resource


def source(row: Row) -> Source:
    """A line as `register` takes it."""
    org = row.get("org", "")
    return Source(row["rec_id"], 1 + int(org) if org.isdigit() else 1, patient(row))
