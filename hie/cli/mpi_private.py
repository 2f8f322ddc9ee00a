"""`hie mpi encode` and `hie mpi privacy`: linking without names, and what that costs."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from hie.kit.hashing import Hasher
from hie.mpi.batch import link, write
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.encoded import Encoder
from hie.mpi.features import Features, of_patient
from hie.mpi.model import Model, load
from hie.mpi.quality import by_kind, quality
from hie.mpi.registration_file import patient, read


def encode(
    file: Annotated[Path, typer.Argument(help="Registrations as CSV or CSV.gz.", exists=True)],
    out: Annotated[Path, typer.Argument(help="NDJSON file of Patients without names to write.")],
    key_file: Annotated[
        Path,
        typer.Option(
            help="The institutions' common key; the exchange must not have it.", exists=True
        ),
    ],
) -> None:
    """Encode registrations, at the institution: Patients that can be linked but not read."""
    encoder = Encoder(_key(key_file.read_bytes()), load())
    with out.open("wb") as target:
        for row in read(file):
            encoded = encoder.patient(row["rec_id"], of_patient(patient(row)))
            target.write(orjson.dumps(encoded) + b"\n")


def _key(content: bytes) -> bytes:
    key = content.strip()
    if not 16 <= len(key) <= 64:
        raise typer.BadParameter("a key has 16 to 64 bytes", param_hint="--key-file")
    return key


def privacy(
    file: Annotated[Path, typer.Argument(help="Registrations with true_person.", exists=True)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What linking without names costs: the same file linked in batch, plain and encoded."""
    rows = read(file)
    if not all("true_person" in row for row in rows):
        raise typer.BadParameter("the file must say who is who, in a column true_person")
    people = [of_patient(patient(row)) for row in rows]
    model = load()
    encoder = Encoder(b"a key for measuring only", model)
    figures: dict[str, Any] = {}
    for name, population, chosen in (
        ("plain", people, model),
        (
            "encoded",
            [encoder.features(one) for one in people],
            replace(model, comparisons="encoded"),
        ),
    ):
        found = _linked(population, chosen)
        judged = quality([row["true_person"] for row in rows], found)
        figures[name] = judged.plain() | {
            "by_kind": {kind: one.plain() for kind, one in by_kind(rows, found).items()}
        }
    figures["loss"] = {
        key: round(figures["plain"][key] - figures["encoded"][key], 6)
        for key in ("precision", "recall", "f1")
    }
    if as_json:
        typer.echo(orjson.dumps(figures).decode())
        return
    for name, values in figures.items():
        typer.echo(f"{name}: " + ", ".join(f"{k} {v}" for k, v in values.items() if k != "by_kind"))


def _linked(population: Sequence[Features], model: Model) -> list[int]:
    with tempfile.TemporaryDirectory(prefix="hie-mpi-privacy-") as directory:
        file = Path(directory) / "registration.csv"
        write(file, population, COMPARISONS[model.comparisons], Hasher(b"measuring"))
        found = dict(link(file, model))
    return [found[number] for number in range(len(population))]
