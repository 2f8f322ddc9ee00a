"""Where contained resources stand in the index. https://hl7.org/fhir/R4/references.html#contained

Each one with an id has a row in `search.contained` with the columns that conditions read from a
resource's row, and under the row's key the same rows in the other index tables. The key is made of the
container's: so no other number must be drawn, and what a resource contains lies together. It stands
with the container's patient, whoever it is about itself, and is seen by who sees the container. Its
tokens also say by which parameters its container refers to it, for chains that lead into it.
"""

from hie.kit.hashing import Hasher
from hie.search.sql import Sql

BITS = 20
"""Binary digits of the place in `contained`; what comes behind the millionth is not found."""
FIRST = 1 << 62
"""Keys of contained resources begin here: above those of all resources."""


def contained_key(container: int, number: int) -> int:
    """The key of the row of what stands at `number` in the resource with the key `container`."""
    return FIRST + (container << BITS) + number


def place_in_container(key: int) -> int | None:
    """The place in `contained` of what has this key; None for a resource of its own."""
    return key & ((1 << BITS) - 1) if key >= FIRST else None


def pointer_hash(hasher: Hasher, name: int) -> int:
    """The token of what its container refers to by the parameter with this half of a hash."""
    return name ^ hasher("#")


def contained_rows(visible: Sql) -> Sql:
    """Contained resources as rows `r`, each with version, times, owner and body of its container.

    `visible` is the condition on the container's own row `r`.
    """
    return Sql(
        "(SELECT c.patient_key, c.key, c.type, c.id, c.tokens, c.date_low, c.date_high, "
        "r.key AS container, r.tokens AS container_tokens, r.version, r.last_updated, "
        "r.institution, r.dictionary, r.body FROM search.contained c JOIN store.resource r "
        f"ON r.patient_key = c.patient_key AND r.key = (c.key - {FIRST}) >> {BITS} "
        f"WHERE {visible.text}) AS r",
        visible.values,
    )
