"""Samples of what is going to be loaded, as it will be stored, to learn its compression from."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import orjson

from hie.errors import Problem
from hie.fhir.json_text import REFUSALS
from hie.fhir.validation import validate
from hie.kit.clock import now
from hie.kit.ids import new_id
from hie.kit.json import replace_references, splice
from hie.records.entry import Entry
from hie.records.files import UNREADABLE, bundle_entries, is_ndjson, line_entry, open_file
from hie.records.meta import meta_for
from hie.store.institutions import Institution
from hie.store.learning import Sample

FILES = 24
SAMPLES = 3000
FEWEST = 20
"""Samples of a file of lines, however small it is among the others."""
STRIDE = 4
"""Of a compressed file of lines so many times as many are read as are wanted."""
_PATIENT = re.compile(rb'"reference"\s*:\s*"Patient/([^"\\/]+)"')


def samples_of(files: Sequence[Path], institution: Institution) -> list[Sample]:
    """About `SAMPLES` valid resources from files evenly spread over `files`."""
    chosen = files[:: max(1, -(-len(files) // FILES))]
    found: list[tuple[str, Entry, dict[str, str]]] = []
    whole = sum(_size(path) for path in chosen)
    for path in chosen:
        try:
            found += _of_lines(path, _share(path, whole)) if is_ndjson(path) else _of_bundle(path)
        except (*UNREADABLE, *REFUSALS, Problem):
            continue  # the load itself says what is wrong with the file
    taken = found[:: max(1, len(found) // SAMPLES)]
    samples = []
    for patient, entry, targets in taken:
        body = _as_stored(entry, targets, institution)
        if body is not None:
            samples.append(Sample(patient, body))
    return samples


def _of_bundle(path: Path) -> Iterator[tuple[str, Entry, dict[str, str]]]:
    """A Bundle of a file is taken for the record of one patient."""
    with open_file(path) as file:
        entries = bundle_entries(file.read())
    targets = {e.full_url: f"{e.type}/{new_id()}" for e in entries if e.full_url}
    for entry in entries:
        if entry.method in ("POST", "PUT"):
            yield path.name, entry, targets


def _share(path: Path, whole: int) -> int:
    """How many samples a file gives: as many as it has of all bytes, but some of every file."""
    return max(SAMPLES * _size(path) // (whole or 1), FEWEST)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _of_lines(path: Path, count: int) -> Iterator[tuple[str, Entry, dict[str, str]]]:
    for number, line in enumerate(_spread(path, count)):
        if line.strip():
            entry = line_entry(line.strip())
            named = _PATIENT.search(line)
            yield named[1].decode() if named else entry.id or str(number), entry, {}


def _spread(path: Path, count: int) -> Iterator[bytes]:
    """Lines from all over the file: those of one place often concern one patient.

    Of a compressed file, which can only be read from its beginning, from all over its first part.
    """
    with open_file(path) as file:
        if path.suffix == ".gz":
            lines = list(islice(file, count * STRIDE))
            yield from lines[:: max(1, len(lines) // count)]
            return
        size = path.stat().st_size
        after = 0
        for number in range(count):
            place = size * number // count
            if place > after:
                file.seek(place)
                file.readline()  # the rest of the line in which the place is
            yield file.readline()
            after = file.tell()


def _as_stored(entry: Entry, targets: dict[str, str], institution: Institution) -> bytes | None:
    text = replace_references(entry.body or b"", targets)
    try:
        resource = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if validate(resource):
        return None
    meta = meta_for(
        resource.get("meta"),
        version=1,
        last_updated=now(),
        institution_code=institution.code,
        institution_name=institution.name,
    )
    return splice(text, resource, id=resource.get("id") or new_id(), meta=orjson.dumps(meta))
