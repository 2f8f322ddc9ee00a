"""Samples to learn compression from come from all over the files."""

import gzip
from pathlib import Path

import orjson
import pytest

from hie.records.sample import SAMPLES, samples_of
from hie.store.institutions import Institution

INSTITUTION = Institution(1, "H1", "第一医院")


def line(number: int, patients: int) -> bytes:
    """An Observation; those of a patient stand together."""
    patient = f"p{number // patients}"
    return orjson.dumps(
        {
            "resourceType": "Observation",
            "id": str(number),
            "status": "final",
            "code": {"text": "weight"},
            "subject": {"reference": f"Patient/{patient}"},
        }
    )


@pytest.mark.parametrize("name", ["lines.ndjson", "lines.ndjson.gz"])
@pytest.mark.parametrize("count", [3, SAMPLES // 2, 3 * SAMPLES])
def test_lines_from_all_over_a_file(tmp_path: Path, name: str, count: int) -> None:
    text = b"\n".join(line(number, 10) for number in range(count))
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    samples = samples_of([path], INSTITUTION)
    # all of a small file, and of a large one about as many as are wanted
    assert min(count, SAMPLES) * 0.9 <= len(samples) <= max(count, 20)
    assert len(samples) <= SAMPLES * 2
    patients = [sample.patient for sample in samples]
    assert patients[0] == "p0"
    assert len(set(patients)) >= min(count, SAMPLES) / 11


def test_a_large_file_gives_more_than_a_small_one(tmp_path: Path) -> None:
    large, small = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    large.write_bytes(b"\n".join(line(number, 10) for number in range(2 * SAMPLES)))
    small.write_bytes(b"\n".join(line(number, 10) for number in range(-2000, 0)))
    samples = samples_of([large, small], INSTITUTION)
    of_small = sum(b'"id":"-' in sample.body for sample in samples)
    assert 0 < of_small < len(samples) / 3
