"""Files of FHIR resources as entries of the write door. https://hl7.org/fhir/R4/nd-json.html"""

import gzip
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import orjson

from hie.errors import problem
from hie.fhir.bundle import entry_resources
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


def bundle_entries(text: bytes) -> list[Entry]:
    """The entries of a Bundle; those without a resource are left out.

    Raises orjson.JSONDecodeError, and Problem 400 for anything that is no Bundle.
    """
    bundle: Any = orjson.loads(text)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise problem(
            400, "invalid", "The file holds no Bundle", "文件内容不是 Bundle", "Bundle.resourceType"
        )
    try:
        texts = entry_resources(text)
    except msgspec.ValidationError as error:
        raise problem(
            400,
            "structure",
            f"Bundle.entry is not an array of objects: {error}",
            "Bundle.entry 不是对象数组",
            "Bundle.entry",
        ) from error
    entries = []
    for number, (entry, resource) in enumerate(zip(bundle.get("entry", ()), texts, strict=True)):
        if resource is None:
            continue
        request = entry.get("request")
        request = request if isinstance(request, dict) else {}
        type_name, _, logical_id = str(request.get("url", "")).partition("/")
        content = entry["resource"]
        sent = content.get("resourceType", "") if isinstance(content, dict) else ""
        entries.append(
            Entry(
                "PUT" if request.get("method") == "PUT" and logical_id else "POST",
                type_name or sent,
                id=logical_id or None,
                body=resource,
                full_url=entry.get("fullUrl"),
                if_none_exist=request.get("ifNoneExist"),
                expression=f"Bundle.entry[{number}]",
            )
        )
    return entries


def line_entry(text: bytes) -> Entry:
    """The entry of one line: an update if the resource has an id, else a create.

    Looks only at type and id; raises msgspec.DecodeError where it cannot.
    """
    head = _head.decode(text)
    if head.id is None:
        return Entry("POST", head.resource_type, body=text)
    return Entry("PUT", head.resource_type, id=head.id, body=text)
