"""Trains the compression dictionary that ships with the store, on the synthetic district alone.

`python -m hie.demo.dictionary` writes `hie/store/dictionary.zstd`; the same code gives the same bytes.
Dictionary: https://www.rfc-editor.org/rfc/rfc8878#section-5
"""

from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from hie.demo.district import District, records
from hie.demo.institutions import BY_CODE
from hie.kit.json import splice
from hie.records.meta import meta_for
from hie.store.bodies import train

SEED = 20260101
RESIDENTS = 150
UNTIL = date(2026, 1, 1)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = 2
TARGET = Path(__file__).parents[1] / "store" / "dictionary.zstd"


def samples() -> list[bytes]:
    """Bodies as the store keeps them, compact and indented alike."""
    found: list[bytes] = []
    district = District(SEED, RESIDENTS, UNTIL)
    for home in district.households():
        for record in records(district, home):
            code = record.registration.institution
            meta = orjson.dumps(
                meta_for(
                    None,
                    version=1,
                    last_updated=MOMENT,
                    institution_code=code,
                    institution_name=BY_CODE[code].name,
                )
            )
            for number, resource in enumerate(record.resources()):
                option = orjson.OPT_INDENT_2 if number % EVERY else 0
                text = orjson.dumps(resource, option=option)
                found.append(splice(text, resource, id=resource.get("id", ""), meta=meta))
    return found


if __name__ == "__main__":
    TARGET.write_bytes(train(samples()))
