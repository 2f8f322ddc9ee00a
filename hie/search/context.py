"""What emitters need beside the node they emit: hashes, the vocabulary, the caller's restriction."""

from dataclasses import dataclass

from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.search.hashes import name_hash
from hie.search.indexed import Word
from hie.search.parameters import Parameter
from hie.search.problems import too_costly
from hie.search.restriction import Restriction
from hie.store.open import Store

WORDS = """
SELECT hash FROM search.vocabulary
WHERE parameter = %s AND left(text, 100) ^@ %s::text AND text ^@ %s::text LIMIT %s
"""
UNITS = "SELECT parameter, hash, text FROM search.vocabulary WHERE parameter = 0"
# A longer array would make one query slow for everybody.
LARGEST_EXPANSION = 5000


class Numerous(Exception):  # noqa: N818 - no error: it decides how a search goes on
    """More resources satisfy a chained condition than the context's `few`."""


@dataclass(frozen=True, slots=True)
class Context:
    """One search being turned into SQL."""

    connection: Connection
    store: Store
    restriction: Restriction
    few: int | None = None
    """If set, chained conditions are counted so far, and `Numerous` is raised where more satisfy one."""
    contained: bool = False
    """Whether the rows `r` are contained resources: they stand with the patient of their container,
    whom they need not refer to."""

    @property
    def rows(self) -> str:
        """The table of the rows `r`."""
        return "search.contained" if self.contained else "store.resource"

    @property
    def hasher(self) -> Hasher:
        return self.store.hasher

    def name(self, parameter: Parameter, form: str = "") -> int:
        """The half of a hash that stands for the parameter."""
        return name_hash(self.store.hasher, parameter.index_name, form)

    async def words(self, parameter: Parameter, beginning: str) -> set[int]:
        """Hashes of the parameter's texts that begin so. Problem 400 if there are too many."""
        cursor = await self.connection.execute(
            WORDS, (parameter.number, beginning[:100], beginning, LARGEST_EXPANSION + 1)
        )
        found = {row[0] for row in await cursor.fetchall()}
        if len(found) > LARGEST_EXPANSION:
            raise too_costly(
                f"Search parameter '{parameter.code}': too many texts begin with '{beginning}'",
                f"检索参数“{parameter.code}”：以“{beginning}”开头的文本过多",
            )
        return found

    async def units(self) -> list[Word]:
        """Every unit in which a quantity has been sent."""
        cursor = await self.connection.execute(UNITS)
        return [Word(*row) for row in await cursor.fetchall()]
