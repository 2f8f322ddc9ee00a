"""Arrays packed for COPY come out as they went in."""

import pytest

from hie.kit.copy_array import packed
from hie.kit.db import Database


@pytest.mark.parametrize(
    "numbers", [[], [0], [1, -1], [2**63 - 1, -(2**63)], list(range(1000))], ids=len
)
async def test_a_packed_array_is_the_array(database: Database, numbers: list[int]) -> None:
    async with database.transaction() as connection:
        await connection.execute("CREATE TEMPORARY TABLE packed (numbers bigint[])")
        async with connection.cursor().copy("COPY packed FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["bytea"])
            await copy.write_row((packed(numbers),))
        cursor = await connection.execute("SELECT numbers FROM packed")
        assert await cursor.fetchone() == (numbers,)
        await connection.execute("DROP TABLE packed")
