"""Linking without names: nothing readable is sent, and what was equal or alike stays so."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hie.cli.mpi import application
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.encoded import Encoder, compare_encoded, of_patient
from hie.mpi.features import Features
from hie.mpi.features import of_patient as plain_features
from hie.mpi.model import load
from hie.mpi.population import population

KEY = b"the institutions' own key"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(KEY, load())


def one(name: str, born: str = "1988-02-07", phone: str = "19900345671") -> Features:
    return plain_features(
        {
            "name": [{"text": name}],
            "birthDate": born,
            "gender": "male",
            "telecom": [{"system": "phone", "value": phone}],
        }
    )


@pytest.mark.parametrize(
    ("left", "right", "field", "level"),
    [
        (one("张伟明"), one("張偉明"), "name", "exact"),
        (one("张伟明"), one("zhang weiming"), "name", "sound"),
        (one("张伟明"), one("张伟铭"), "name", "sound"),
        (one("张伟明"), one("张伟朋"), "name", "similar"),
        (one("张伟明"), one("张志强"), "name", "family"),
        (one("黄小淑之子"), one("黄小淑之婴"), "name", "mother"),
        (one("张伟明"), one("张伟明", "1987-12-20"), "birth", "calendar"),
        (one("张伟明"), one("张伟明", "1988-07-02"), "birth", "swapped"),
        (one("张伟明"), one("张伟明", "1988-01-01"), "birth", "default"),
        (one("张伟明"), one("张伟明", "1978-02-07"), "birth", "edit"),
        (one("张伟明"), one("张伟明", "1954-10-19"), "birth", "different"),
        (one("张伟明"), one("张伟明"), "home", "phone"),
        (one("张伟明"), one("张伟明", phone="19900345672"), "home", "slip"),
        (one("张伟明"), one("张伟明", phone="18812349876"), "home", "one"),
    ],
)
def test_levels(encoder: Encoder, left: Features, right: Features, field: str, level: str) -> None:
    ours, theirs = encoder.features(left), encoder.features(right)
    assert compare_encoded(ours, theirs)[field] == level
    assert compare_encoded(theirs, ours)[field] == level


def test_nothing_readable_leaves_the_institution(tmp_path: Path) -> None:
    source, out, key = tmp_path / "r.csv", tmp_path / "r.ndjson", tmp_path / "key"
    key.write_bytes(KEY)
    runner = CliRunner()
    made = runner.invoke(application, ["generate", str(source), "--persons", "30"])
    assert made.exit_code == 0
    done = runner.invoke(application, ["encode", str(source), str(out), "--key-file", str(key)])
    assert done.exit_code == 0, done.output
    written = out.read_text("utf-8")
    for row in population("town", 30, 1):
        for column in ("name", "id_no", "dob", "ins_no"):
            value = row[column]
            assert len(value) < 4 or value not in written
    sent = [json.loads(line) for line in written.splitlines()]
    assert all(set(one) == {"resourceType", "id", "extension"} for one in sent)
    assert all(of_patient(one).names for one in sent)


def test_another_key_makes_other_tokens(encoder: Encoder) -> None:
    found = one("张伟明")
    other = Encoder(b"another key of sixteen", load()).features(found)
    assert not set(COMPARISONS["encoded"].texts(encoder.features(found))) & set(
        COMPARISONS["encoded"].texts(other)
    )


@pytest.mark.parametrize("value", ["", "[1]", "{", '{"names": 5}', '{"homes": [["a"]]}'])
def test_what_cannot_be_read_is_left_out(value: str) -> None:
    url = "urn:hie:encoded-identity"
    assert of_patient({"extension": [{"url": url, "valueString": value}]}) is not None


def test_the_loss_is_small(tmp_path: Path) -> None:
    source = tmp_path / "r.csv"
    runner = CliRunner()
    assert runner.invoke(application, ["generate", str(source), "--persons", "800"]).exit_code == 0
    done = runner.invoke(application, ["privacy", str(source), "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert figures["encoded"]["precision"] >= 0.999
    assert figures["loss"]["recall"] <= 0.02
