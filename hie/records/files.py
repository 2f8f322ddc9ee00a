"""Files of FHIR resources as entries of the write door. https://hl7.org/fhir/R4/nd-json.html"""

import gzip
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from hie.errors import Issue, Problem, Text
from hie.fhir.json_text import REFUSALS
from hie.records.bundle_request import (
    ORDER,
    Asked,
    asked_by,
    decode_bundle,
    repeated_addresses,
)
from hie.records.entry import Entry

UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a file can raise; EOFError: a compressed one was cut short."""


class _Head(msgspec.Struct, rename={"resource_type": "resourceType"}):
    resource_type: str = ""
    id: str | None = None


_head = msgspec.json.Decoder(_Head)


def open_file(path: Path) -> BinaryIO:
    """The file's content, unpacked if its name ends in `.gz`. Raises OSError."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def is_ndjson(path: Path) -> bool:
    """Whether the file holds a resource a line; else it is a Bundle."""
    return path.name.removesuffix(".gz").endswith(".ndjson")


def bundle_entries(text: bytes, base: str = "") -> list[Entry]:
    """The changes that a Bundle asks for, in the order in which they are carried out.

    They are read as those that are posted, with conditions, deletions and patches. An entry without
    a request is a create, except in a transaction or batch, which must say what it wants. Nothing is
    left aside: Problem 400 with every entry that cannot be carried out, and for anything that is no
    Bundle. `base`: the exchange's own, which addresses may begin with.
    """
    bundle = decode_bundle(text)
    requested = bundle.type in ("transaction", "batch")
    entries: list[Entry] = []
    issues = repeated_addresses(bundle.entry)
    for number, posted in enumerate(bundle.entry):
        place = f"Bundle.entry[{number}]"
        if posted.request is None and not requested and bytes(posted.resource):
            body = bytes(posted.resource)
            entries.append(
                Entry("POST", _type(body), body=body, full_url=posted.full_url, expression=place)
            )
            continue
        asked = asked_by(posted, place, base)
        if isinstance(asked, Issue):
            issues.append(asked)
        elif asked.entry is None:
            issues.append(_no_change(asked))
        else:
            entries.append(asked.entry)
    if issues:
        raise Problem(400, issues)
    return sorted(entries, key=lambda entry: ORDER[entry.method])


def _type(text: bytes) -> str:
    with suppress(*REFUSALS):
        return _head.decode(text).resource_type
    return ""


def _no_change(asked: Asked) -> Issue:
    return Issue(
        "not-supported",
        Text(
            f"'{asked.method} {asked.url[:80]}' changes nothing, and nobody would read its answer; "
            "a file is for changes",
            f"“{asked.method} {asked.url[:80]}”不改变数据，其结果也无人读取；文件只用于写入",
        ),
        f"{asked.expression}.request",
    )


def line_entry(text: bytes) -> Entry:
    """The entry of one line: an update if the resource has an id, else a create.

    Looks only at type and id; raises one of `REFUSALS` where it cannot.
    """
    head = _head.decode(text)
    if head.id is None:
        return Entry("POST", head.resource_type, body=text)
    return Entry("PUT", head.resource_type, id=head.id, body=text)
