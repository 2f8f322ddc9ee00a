"""What goes through the write door, and what comes back. https://hl7.org/fhir/R4/bundle.html#Bundle.entry"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Method = Literal["POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One change asked for. `body` is the resource's JSON text; `expression` is its place in a Bundle."""

    method: Method
    type: str
    id: str | None = None
    body: bytes | None = None
    full_url: str | None = None
    if_none_exist: str | None = None
    if_match: str | None = None
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry: 201 created, 200 updated or already there, 204 deleted."""

    status: int
    type: str
    id: str
    version: int
    last_updated: datetime
    body: bytes | None
    changed: bool


@dataclass(slots=True)
class Prepared:
    """An entry whose text has been parsed and found valid."""

    entry: Entry
    type_number: int
    raw: bytes
    resource: dict[str, Any]
    institution: int
    id: str = ""
